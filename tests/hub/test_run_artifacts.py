"""Files that runs keep, through a real hub: in the record, by name, compared, in MLflow."""

import hashlib

import pytest

from mlops_jupyter.types import NotFound

from .test_reruns import ended, judged

KEEP = "import mlops_jupyter as mj\nmj.artifact(content.encode(), 'plots/größe 1.txt')"
NAME = "plots/größe 1.txt"


@pytest.fixture(scope="module")
def hub(publishing_hub):
    return publishing_hub


@pytest.fixture(scope="module")
def run(hub, tmp_path_factory):
    """A run that has kept one file of 3 MB."""
    from ..notebooks import write_notebook

    folder = tmp_path_factory.mktemp("notebook")
    path = write_notebook(folder / "keep.ipynb", KEEP, parameters="content = 'a'")
    big = write_notebook(
        folder / "big.ipynb",
        KEEP.replace("content.encode()", "bytes(range(256)) * 12_000"),
    )
    return ended(hub, hub.run(big)), path


def test_the_record_has_digest_and_size_and_the_file_is_what_was_kept(hub, run):
    big, _ = run
    content = bytes(range(256)) * 12_000
    assert big.record["artifacts"] == [
        {"name": NAME, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    ]
    assert b"".join(hub.run_artifact(big.id, NAME)) == content


def test_a_name_that_is_not_there_is_refused_whatever_it_looks_like(hub, run):
    big, _ = run
    for name in ("plots", "../input.ipynb", "..%2f..", big.record["artifacts"][0]["sha256"]):
        with pytest.raises(NotFound):
            b"".join(hub.run_artifact(big.id, name))
    with pytest.raises(NotFound, match="größe"):
        b"".join(hub.run_artifact(big.id, "plots/größe 2.txt"))


def test_it_is_sent_as_a_file_that_acts_as_no_page(hub, run):
    big, _ = run
    path = f"/runs/{big.id}/artifacts/plots%2Fgr%C3%B6%C3%9Fe%201.txt"
    response = hub.connection.request("GET", path)
    assert response.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''gr%C3")
    assert response.headers["Content-Security-Policy"].startswith("sandbox")


def test_it_is_in_mlflow(hub, run):
    import mlflow

    big, _ = run
    client = mlflow.MlflowClient(f"sqlite:///{hub.home / 'mlflow' / 'mlflow.db'}")
    (kept,) = client.list_artifacts(big.mlflow_run_id, "artifacts/plots")
    assert (kept.path, kept.file_size) == (f"artifacts/{NAME}", 256 * 12_000)


def test_a_repeat_with_the_same_file_is_identical_and_another_file_differs(hub, run):
    _, path = run
    first = ended(hub, hub.run(path))
    verdict = judged(hub, hub.rerun(first.id))
    assert (verdict["kind"], verdict["same"]["artifacts"]) == ("identical", 1)
    other = ended(hub, hub.run(path, {"content": "b"}))
    said = hub.compare_runs(first.id, other.id)
    assert said["kind"] == "differs"
    assert f"artifact {NAME}" in said["text"]
