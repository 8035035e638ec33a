"""``%train`` without waiting: the cell has ended, and its picture follows the run to its end."""

import time

import pytest

from ..notebooks import write_notebook


@pytest.fixture
def waiting(tmp_path):
    """A notebook that goes on until the file `go` is there."""
    go = tmp_path / "go"
    path = write_notebook(
        tmp_path / "fit.ipynb",
        f"import os, time\nprint('waits')\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)",
        parameters="lr = 0.1",
    )
    return path, go


def picture(kernel, display_id, text):
    """The picture under a display id, as soon as one has `text` in it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        message = kernel.client.get_iopub_msg(timeout=120)
        assert message["msg_type"] != "stream", "a thread has printed into somebody's cell"
        content = message["content"]
        if message["msg_type"] != "update_display_data":
            continue
        assert content["transient"]["display_id"] == display_id
        if text in content["data"]["text/plain"]:
            return content["data"]
    raise AssertionError(f"no picture has {text!r}")


def test_the_picture_of_a_run_follows_it_when_the_cell_has_ended(kernel, waiting):
    path, go = waiting
    (shown,) = kernel.run(f"%train {path}")
    assert "succeeded" not in shown["data"]["text/plain"]
    key = shown["transient"]["display_id"]
    assert "1 of 2 cells" in picture(kernel, key, "waits")["text/html"]
    go.touch()
    assert "succeeded" in picture(kernel, key, "succeeded")["text/html"]


def test_other_cells_run_meanwhile_and_keep_their_own_outputs(kernel, waiting):
    path, go = waiting
    (shown,) = kernel.run(f"later = %train {path}")
    assert kernel.text("print(later.id)").strip() in shown["data"]["text/plain"]
    go.touch()
    picture(kernel, shown["transient"]["display_id"], "succeeded")
    # the value is of its moment, as all values are
    assert kernel.text("later.state").strip("'") in ("queued", "starting", "running")


def test_the_picture_of_a_sweep_follows_it_too(kernel, waiting):
    path, go = waiting
    (shown,) = kernel.run(f"%train {path} --sweep lr=0.1,0.2")
    go.touch()
    data = picture(kernel, shown["transient"]["display_id"], "2 of 2 runs")
    assert "text/html" in data


def test_a_hub_that_was_stopped_stays_stopped(kernel, waiting):
    path, go = waiting
    (shown,) = kernel.run(f"%train {path}")
    picture(kernel, shown["transient"]["display_id"], "waits")
    kernel.run("from mlops_jupyter.client import Hub; hub = Hub.connect(); hub.stop()")
    kernel.run("from mlops_jupyter.notebook import following; following.AWAY_SECONDS = 0.05")
    kernel.run(
        "import time; begun = time.monotonic()\n"
        "while time.monotonic() < begun + 2: assert not hub.healthy(); time.sleep(0.1)"
    )
    go.touch()
    kernel.run("Hub.connect()")
    assert picture(kernel, shown["transient"]["display_id"], "succeeded")
