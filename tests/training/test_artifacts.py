"""Files that a run keeps: by their digest, as they were, and none that may not be."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from mlops_jupyter.training.artifacts import Artifacts
from mlops_jupyter.training.masking import Mask
from mlops_jupyter.training.progress import advance
from mlops_jupyter.types import InvalidRequest, MlopsError, RunSpec, RunStatus, artifact
from mlops_jupyter.types.artifact import MAX_ARTIFACTS, check_artifact_name
from tests.training.conftest import Run, Start, notebook

SAY = "import mlops_jupyter as mj\n"


def kept(run: Run) -> dict[str, bytes]:
    """What the run has kept, by name; each file is where its digest says, and nothing else is."""
    said = {event["name"]: event for event in run.read() if event["event"] == "artifact"}
    files = {path.name: path.read_bytes() for path in run.folder.artifacts.iterdir()}
    assert files.keys() == {event["sha256"] for event in said.values()}
    for digest, content in files.items():
        assert hashlib.sha256(content).hexdigest() == digest
    for event in said.values():
        assert event["bytes"] == len(files[event["sha256"]])
    return {name: files[event["sha256"]] for name, event in said.items()}


def test_files_bytes_and_figures_are_kept_as_they_were(start: Start) -> None:
    run = start(
        f"{SAY}from pathlib import Path\npath = Path('model.txt')\npath.write_text('first')\n"
        "mj.artifact(path)\npath.write_text('later')",
        "mj.artifact(b'\\x00raw', name='raw/zero.bin')",
        "class Figure:\n    def savefig(self, file, format): file.write(format.encode())\n"
        "mj.artifact(Figure(), 'plots/roc.svg')",
    )
    result = run.end()
    assert result["state"] == "succeeded", result["reason"]
    assert kept(run) == {"model.txt": b"first", "raw/zero.bin": b"\0raw", "plots/roc.svg": b"svg"}


def test_the_same_content_is_kept_once_and_a_name_has_its_newest(start: Start) -> None:
    run = start(
        f"{SAY}mj.artifact(b'a', 'one')\nmj.artifact(b'a', 'two')", "mj.artifact(b'b', 'one')"
    )
    assert run.end()["state"] == "succeeded"
    status = RunStatus("r", RunSpec("/n.ipynb"), "starting")
    for event in run.read():
        status = advance(status, event)
    names = {one["name"]: one["sha256"] for one in status.record["artifacts"]}
    assert names == {n: hashlib.sha256(c).hexdigest() for n, c in (("one", b"b"), ("two", b"a"))}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("mj.artifact('gone.txt')", "NotFound: There is no file"),
        ("mj.artifact('.', 'here')", "It is not a file"),
        ("mj.artifact('/dev/zero')", "It is not a file"),
        ("mj.artifact(b'', '../escape')", "cannot be the name of an artifact"),
        ("mj.artifact(b'', '/etc/passwd')", "cannot be the name of an artifact"),
        ("mj.artifact(b'')", "cannot be the name of an artifact"),
        ("mj.artifact({}, 'mapping')", "A dict cannot be kept as it is"),
    ],
)
def test_what_cannot_be_kept_is_one_clear_error_in_the_cell(
    start: Start, call: str, said: str
) -> None:
    run = start(SAY + call, "2")
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "cell_failed")
    assert said in result["reason"]
    assert "Traceback" not in result["error"]["traceback"]
    assert run.cell_states() == ["failed", "pending"]
    assert kept(run) == {}


def name_by_type(name: str, path: str) -> str:
    """A cell that says it in the way that any language can."""
    said = {"application/vnd.mlops-jupyter.artifact+json": {"name": name, "path": path}}
    return f"from IPython.display import display\ndisplay({said!r}, raw=True)"


def test_any_language_names_a_file_by_the_media_type(start: Start, tmp_path: Path) -> None:
    (tmp_path / "here.csv").write_text("a,b")
    run = start(name_by_type("table.csv", "here.csv"))
    assert run.end()["state"] == "succeeded"
    assert kept(run) == {"table.csv": b"a,b"}
    assert (tmp_path / "here.csv").exists()


def test_r_names_a_file(start: Start, tmp_path: Path, r_kernel: str) -> None:
    say = (
        "writeLines('fitted', 'fit.txt')\n"
        "IRdisplay::publish_mimebundle(list('application/vnd.mlops-jupyter.artifact+json' =\n"
        "  list(name = 'fit.txt', path = file.path(getwd(), 'fit.txt'))))"
    )
    run = start(content=notebook(say, kernel=r_kernel, language="R"))
    result = run.end()
    assert result["state"] == "succeeded", result["reason"]
    assert kept(run) == {"fit.txt": b"fitted\n"}


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("gone.txt", "gone.txt", "There is no file"),
        ("../x", "here.csv", "cannot be the name of an artifact"),
        ("folder", ".", "It is not a file"),
        ("pipe", "pipe", "It is not a file"),
    ],
)
def test_another_languages_mistake_fails_its_cell(
    start: Start, tmp_path: Path, name: str, path: str, said: str
) -> None:
    (tmp_path / "here.csv").write_text("a,b")
    os.mkfifo(tmp_path / "pipe")
    run = start(name_by_type(name, path), "2")
    result = run.end()
    assert (result["state"], result["code"]) == ("failed", "cell_failed")
    assert said in result["reason"]
    (shown,) = [o for o in run.output()["cells"][0]["outputs"] if o["output_type"] == "error"]
    assert said in shown["evalue"]
    assert run.cell_states() == ["failed", "pending"]


def test_a_file_with_a_secret_in_it_is_not_kept(start: Start) -> None:
    canary = "canary-5d1b77"
    run = start(
        f"{SAY}import os\nmj.artifact(b'key=' + os.environ['KEY'].encode(), 'config.ini')",
        secrets={"KEY": canary},
    )
    result = run.end()
    assert "holds the value of a secret" in result["reason"]
    for path in run.folder.path.rglob("*"):
        assert path.is_dir() or canary.encode() not in path.read_bytes(), path


def test_what_an_attempt_that_failed_has_kept_is_not_the_runs(start: Start, tmp_path: Path) -> None:
    run = start(
        f"{SAY}from pathlib import Path\nsecond = Path('begun').exists()\nPath('begun').touch()\n"
        "mj.artifact(b'x', 'second' if second else 'first')\nassert second",
        retries=1,
        backoff_seconds=0.1,
    )
    assert run.end()["state"] == "succeeded"
    status = RunStatus("r", RunSpec("/n.ipynb"), "starting")
    for event in run.read():
        status = advance(status, event)
    assert [one["name"] for one in status.record["artifacts"]] == ["second"]


# -- bounds, where a file of a gigabyte would be too much ------------------------------------------


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    return Artifacts(folder, tmp_path, Mask())


def refused(artifacts: Artifacts) -> MlopsError:
    kept, error = artifacts.keep()
    assert not kept
    assert error is not None
    return error


def test_a_file_that_is_too_large_leaves_nothing(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "MAX_ARTIFACT_BYTES", 10)
    (tmp_path / "large").write_bytes(bytes(11))
    artifacts.hear({"name": "large", "path": "large"})
    assert refused(artifacts).code == "artifact_too_large"
    assert list(artifacts.folder.iterdir()) == []


def test_no_more_are_kept_than_a_record_can_list(artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    for number in range(MAX_ARTIFACTS):
        artifacts.hear({"name": f"{number}", "path": "small"})
    kept, error = artifacts.keep()
    assert (len(kept), error) == (MAX_ARTIFACTS, None)
    artifacts.hear({"name": "one more", "path": "small"})
    assert refused(artifacts).code == "too_many_artifacts"
    artifacts.hear({"name": "0", "path": "small"})
    assert artifacts.keep()[1] is None


def test_what_comes_before_a_mistake_is_kept(artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    for path in ("small", "gone", "small"):
        artifacts.hear({"name": path, "path": path})
    kept, error = artifacts.keep()
    assert [one.name for one in kept] == ["small"]
    assert error is not None
    assert artifacts.keep() == ([], None)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/../b", "/a", "a/", "a//b", "a\\b", "a\nb", " a", "x" * 201, 3, None]
)
def test_a_name_is_a_relative_path(name: object) -> None:
    with pytest.raises(InvalidRequest):
        check_artifact_name(name)


def test_an_event_of_another_shape_changes_nothing() -> None:
    status = RunStatus("r", RunSpec("/n.ipynb"), "running")
    good = {"event": "artifact", "name": "a", "sha256": "0" * 64, "bytes": 1}
    for change in ({"sha256": "../../x"}, {"name": "../x"}, {"bytes": "many"}, {"sha256": None}):
        assert advance(status, {**good, **change}) == status
    assert json.dumps(advance(status, good).record["artifacts"])
