"""worker.toml: what is taken, and what is refused with the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.types import InvalidInput, InvalidRequest
from mlops_jupyter.workers import read_worker
from mlops_jupyter.workers.manifest import files_of
from mlops_jupyter.workers.needs import how_to_install, missing_needs
from mlops_jupyter.workers.scaffold import ADAPTERS, kinds

LEAST = 'language = "node"\ncommand = ["node", "worker.js"]\n'


def write(folder: Path, text: str) -> Path:
    (folder / "worker.toml").write_text(text)
    return folder


def test_two_keys_are_enough(tmp_path: Path) -> None:
    manifest, _ = read_worker(write(tmp_path, LEAST))
    assert manifest.command == ("node", "worker.js")
    assert (manifest.protocol, manifest.rows, manifest.independent) == ("json-lines", 1024, True)


@pytest.mark.parametrize("kind", kinds())
def test_the_folders_of_init_are_right(kind: str) -> None:
    manifest, _ = read_worker(ADAPTERS / kind)
    assert manifest.signature
    assert manifest.example


WRONG = [
    ("language =", "not TOML"),
    ('language = "r"', "'command' is missing"),
    ('command = ["node"]', "'language' is missing"),
    (LEAST + 'comand = "x"', "Did you mean 'command'?"),
    (LEAST + "[batch]\nrow = 3", "Did you mean 'rows'?"),
    (LEAST + "[batch]\nrows = 0", "'batch.rows' is not 1 to"),
    (LEAST + "[batch]\nrows = true", "'batch.rows' is not 1 to"),
    (LEAST + "[batch]\nindependent = 1", "'batch.independent' is not true or false"),
    (LEAST + 'batch = "all"', "'batch' is not a table"),
    (LEAST + 'protocol = "json"', "There is 'http', 'json-lines'."),
    (LEAST + "start_seconds = -1", "'start_seconds' is not"),
    (LEAST + "start_seconds = nan", "'start_seconds' is not"),
    (LEAST + "signature = 3", "'signature' is not a text"),
    (LEAST + '[health]\npath = "/up"', 'for protocol = "http"'),
    (LEAST + 'protocol = "http"\n[health]\npath = "up"', "'health.path' is not"),
    (LEAST + 'protocol = "http"\n[health]\npath = "/a b"', "'health.path' is not"),
    (LEAST + "[environment]\nA = 1", "'environment.A' is not a text"),
    (LEAST + '[environment]\n"A=B" = "1"', "is no name for a variable"),
    (LEAST + '[environment]\nMLOPS_WORKER_SOCKET = "/x"', "is no name for a variable"),
    (LEAST + 'needs = "r"', "'needs' is not a list"),
    (LEAST + '[[needs]]\nprogram = "r"', "'needs.package' is not"),
    (LEAST + '[[needs]]\nprogram = "a b"\npackage = "x"', "'needs.program' is not"),
    (LEAST + '[[needs]]\nprogram = "a"\npackage = "x; rm -rf /"', "'needs.package' is not"),
    (LEAST + "[example]\ntext = []", "not lists of one length"),
    (LEAST + "[example]\ntext = [1]\nn = [1, 2]", "not lists of one length"),
    ('language = "r"\ncommand = "Rscript a.R | tee log"', "write each word apart"),
    ('language = "r"\ncommand = []', "'command' is not a list of words"),
    ('language = "r"\ncommand = ["Rscript a.R"]', "the program alone is the first word"),
    ('language = "r"\ncommand = ["a;b"]', "the program alone is the first word"),
    ('language = "r"\ncommand = ["$(reboot)"]', "the program alone is the first word"),
    ('language = "r"\ncommand = ["/usr/bin/Rscript", "a.R"]', "leaves the folder"),
    ('language = "r"\ncommand = ["../run"]', "leaves the folder"),
    ('language = "r"\ncommand = ["bin/../../run"]', "leaves the folder"),
    ('language = "r"\ncommand = ["Rscript", "../model.R"]', "leaves the folder"),
    ('language = "r"\ncommand = ["Rscript", "~/model.R"]', "leaves the folder"),
    ('language = "r"\ncommand = ["./absent"]', "has no file './absent'"),
    ('language = "r"\ncommand = ["a\\u0000b"]', "NUL"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_worker(write(tmp_path, text))
    assert said in str(refused.value)
    assert refused.value.code == "invalid_worker"


def test_a_folder_without_the_file_and_no_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"no worker\.toml in the worker's folder"):
        read_worker(tmp_path)
    with pytest.raises(InvalidRequest, match="no such folder"):
        read_worker(tmp_path / "absent")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        read_worker(tmp_path)


def test_a_link_in_the_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, LEAST)
    (tmp_path / "data").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="'data' in the worker's folder is a link"):
        files_of(tmp_path, lambda _name: False)


def test_what_does_not_belong_to_the_model_stays_behind(tmp_path: Path) -> None:
    write(tmp_path, LEAST)
    for name in (".git", "lib"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert files_of(tmp_path, {".git"}.__contains__) == [Path("lib/file"), Path("worker.toml")]


def test_a_missing_program_comes_with_its_package(tmp_path: Path) -> None:
    text = LEAST + '[[needs]]\nprogram = "no-such-ocr"\npackage = "tesseract-ocr"\n'
    manifest, _ = read_worker(write(tmp_path, text))
    missing = missing_needs(manifest, path="/nowhere")
    assert missing == [("no-such-ocr", "tesseract-ocr"), ("node", "nodejs")]
    assert "apt-get install tesseract-ocr nodejs" in how_to_install(missing)


def test_an_environment_of_its_own_says_where_programs_are(tmp_path: Path) -> None:
    (tmp_path / "node").touch(mode=0o755)
    text = LEAST + f'[environment]\nPATH = "{tmp_path}"\n'
    manifest, _ = read_worker(write(tmp_path, text))
    assert missing_needs(manifest, path="/nowhere") == []
