"""What is asked for is checked against the notebook as its kernel will run it."""

import json

import pytest

from mlops_jupyter.hub.submission import prepare
from mlops_jupyter.types import InvalidRequest, RunSpec


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """Kernels named ``other-python`` and ``a-julia``, which nobody starts."""
    for name, language in (("other-python", "python"), ("a-julia", "julia")):
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": ["/bin/false"], "display_name": name, "language": language}
        (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))


def test_parameters_are_checked_for_the_kernel_that_is_chosen(notebook, kernels):
    path = str(notebook("1", parameters='name = "a"'))
    accent = {"name": "é"}
    for kernel in ("", "other-python"):
        assert prepare(RunSpec(path, kernel=kernel, parameters=accent)).spec.parameters == accent
    with pytest.raises(InvalidRequest) as caught:
        prepare(RunSpec(path, kernel="a-julia", parameters=accent))
    assert caught.value.code == "unwritable_value"
    assert "Julia" in caught.value.reason


def test_a_kernel_that_is_not_there_is_refused_with_the_nearest(notebook, kernels):
    with pytest.raises(InvalidRequest) as caught:
        prepare(RunSpec(str(notebook("1")), kernel="other-pyton"))
    assert caught.value.code == "unknown_kernel"
    assert "other-python" in caught.value.fix


def test_a_repeat_in_a_kernel_that_is_not_there_is_refused(daemon, notebook):
    run = daemon.run(notebook("1"))
    daemon.wait_for_run(run.id, 120)
    with pytest.raises(InvalidRequest, match="no kernel 'fortran'"):
        daemon.rerun(run.id, "fortran")


def test_a_secrets_file_that_others_can_read_is_said_and_runs(daemon, notebook, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("canary-77aa")
    secret.chmod(0o644)
    path = notebook("import os\nprint(len(os.environ['PASSWORD']))")
    run = daemon.run(path, secrets={"PASSWORD": f"file:{secret}"})
    (said,) = run.record["warnings"]
    assert said == f"The file of PASSWORD can be read by others: chmod 600 {secret}."
    ended = daemon.wait_for_run(run.id, 120)
    assert (ended.state, ended.record["warnings"]) == ("succeeded", [said])
    secret.chmod(0o600)
    quiet = daemon.run(path, secrets={"PASSWORD": f"file:{secret}"})
    assert "warnings" not in quiet.record
    daemon.wait_for_run(quiet.id, 120)
