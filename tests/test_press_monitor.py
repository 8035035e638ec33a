"""The press monitor: clippings in English and Spanish through five models in three languages.

What it needs of Debian is not installed here: the tests are skipped where it lacks.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mlops_jupyter as mj
from mlops_jupyter.types import InvalidInput, MlopsError, TooLarge, Unavailable

EXAMPLES = Path(__file__).parent.parent / "example_notebooks"
PRESS = EXAMPLES / "press_monitor"
COMMAND = shutil.which("mlops-jupyter") or str(Path(sys.executable).with_name("mlops-jupyter"))
STEPS = ["ocr", "langid", "translate", "vectorise", "sentiment"]

sys.path.insert(0, str(EXAMPLES))
from press_monitor import parts  # noqa: E402
from press_monitor.clippings import CLIPPINGS, scan  # noqa: E402
from press_monitor.sentences import fetch, sentences  # noqa: E402

# the first of the tests that needs the notebook's run waits for all of it
pytestmark = pytest.mark.timeout(600)


def png(width: int, height: int) -> bytes:
    """A white picture; one of many points takes little room."""
    file = io.BytesIO()
    Image.new("1", (width, height), 1).save(file, "PNG")
    return file.getvalue()


# -- the notebooks as files -----------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(PRESS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs_and_names_no_machine(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.language == notebook.metadata.language_info.name
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert not any(place in path.read_text() for place in ("/home/", "/tmp/", "://"))


def test_what_lacks_is_named_with_what_to_type(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable) as refused:
        parts.require()
    first = "apt-get install tesseract-ocr tesseract-ocr-spa apertium-eng-spa r-cran-jsonlite"
    assert first in str(refused.value)


# -- data -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package():
    """The package with the sentences, from the index or from the cache of the last time."""
    import platformdirs

    try:
        return fetch(platformdirs.user_cache_path("mlops-jupyter") / "press-monitor")
    except Unavailable as error:
        pytest.skip(str(error))


def test_the_sentences_are_rated_by_people(package):
    rated = sentences(package.parent)
    assert list(rated.columns) == ["article", "rating", "text"]
    assert len(rated) == 5190 and rated.article.nunique() == 498
    assert rated.rating.between(-4, 4).all() and rated.text.str.len().min() > 0


def test_a_package_of_another_digest_is_refused(tmp_path):
    path = tmp_path / "vaderSentiment-3.3.2.tar.gz"
    path.write_bytes(b"something else")
    with pytest.raises(InvalidInput, match=r"is not vaderSentiment 3\.3\.2") as refused:
        sentences(tmp_path)
    assert "SHA-256" in refused.value.reason


def test_an_index_that_does_not_answer_is_one_error_and_leaves_nothing(tmp_path, monkeypatch):
    for name, value in {
        "INDEX_URL": "http://127.0.0.1:9/simple", "RETRIES": "0", "TIMEOUT": "5",
        "EXTRA_INDEX_URL": "", "FIND_LINKS": "", "NO_INDEX": "", "CONFIG_FILE": os.devnull,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"PIP_{name}", value)
    with pytest.raises(Unavailable, match="cannot be fetched"):
        sentences(tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- pictures -------------------------------------------------------------------------------------

UNREADABLE = {
    "empty": (lambda: b"", "The picture is empty."),
    "no image": (lambda: b"this is no image", "neither PNG nor JPEG"),
    # tesseract would read the pictures that such a list names
    "a list of files": (lambda: b"/etc/hostname\n/etc/passwd\n", "neither PNG nor JPEG"),
    "huge": (lambda: png(30_000, 30_000), "30000 x 30000 points"),
    "cut in its head": (lambda: scan("Some text.")[:18], "cut off"),
    "JPEG cut in its head": (lambda: b"\xff\xd8\xff\xe0\x00", "cut off"),
}


@pytest.mark.parametrize(("picture", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_picture_that_cannot_be_read_does_not_reach_the_reader(tmp_path, picture, said):
    (tmp_path / "picture").write_bytes(picture())
    command = [sys.executable, str(PRESS / "ocr/picture.py"), str(tmp_path / "picture")]
    done = subprocess.run([*command, "echo", "read"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (65, "")
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_handed_on(tmp_path, kind):
    Image.open(io.BytesIO(scan("Some text."))).save(tmp_path / "picture", kind)
    command = [sys.executable, str(PRESS / "ocr/picture.py"), str(tmp_path / "picture")]
    done = subprocess.run([*command, "echo", "read"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "read\n")


def test_a_clipping_is_the_same_each_time():
    assert scan("Some text.", seed=1) == scan("Some text.", seed=1)
    assert scan("Some text.", seed=1) != scan("Some text.", seed=2)


# -- the whole ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed():
    """All that Debian has of it."""
    try:
        parts.require()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def executed(installed, package, home, tmp_path_factory):
    """The notebook after papermill ran it; its kernel is gone, its hub is not."""
    import papermill

    folder = tmp_path_factory.mktemp("press") / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
    output = folder.parent / "out.ipynb"
    papermill.execute_notebook(
        folder / "03_press_monitor.ipynb",
        output,
        cwd=str(folder),
        progress_bar=False,
        kernel_name="python3",
        execution_timeout=300,
    )
    return nbformat.read(output, as_version=4)


def ask(*pictures: bytes) -> pd.DataFrame:
    answer: pd.DataFrame = mj.predict("press-monitor", pd.DataFrame({"scan": list(pictures)}))
    return answer


def text_of(notebook, part: str) -> str:
    """What the cell whose source has `part` shows, as text."""
    [cell] = [cell for cell in notebook.cells if part in cell.source and cell.cell_type == "code"]
    shown = [output.get("text") or output["data"]["text/plain"] for output in cell.outputs]
    return "\n".join(shown)


def test_the_notebook_runs_from_start_to_end_without_noise(executed):
    assert not executed.metadata.papermill.exception
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output["text"]


def test_both_trainings_registered_a_model_and_said_how_good_it_is(executed):
    trained = {Path(run.status.spec.notebook).stem: run for run in mj.runs()}
    assert trained["train_vectoriser"].models == ("vectorise/1",)
    assert trained["train_sentiment"].models == ("sentiment/1",)
    assert trained["train_vectoriser"].metrics["largest difference"] < 1e-6
    # a coin would be right half of the time
    assert trained["train_sentiment"].metrics["sign_right"] > 0.6
    assert trained["train_sentiment"].metrics["correlation"] > 0.25


def test_the_audit_of_a_clipping_shows_its_five_steps_with_their_versions(executed):
    [record] = [r for r in mj.audit("press-monitor", kind="prediction") if r["rows"] == 1][-1:]
    [whole] = mj.audit.show(record.id).steps
    made = [span.record for span in whole.inner]
    assert [one["endpoint"] for one in made if not one.get("shadow")] == STEPS
    [shadow] = [one for one in made if one.get("shadow")]
    assert (shadow["endpoint"], shadow["model"]["version"]) == ("sentiment", 2)
    assert all(one["status"] == 200 and one["model"]["version"] for one in made)
    assert len({one["actor"]["sub"] for one in made}) == 1
    assert len({one["request_id"] for one in made}) == 1
    shown = text_of(executed, "story = mj.audit.show")
    assert all(step in shown for step in STEPS)
    beside = text_of(executed, "def opinion")
    assert "champion  sentiment/1" in beside and "challenger  sentiment/2" in beside


@pytest.mark.parametrize("number", range(len(CLIPPINGS)))
def test_a_clipping_is_read_and_its_language_found(executed, number):
    clipping = CLIPPINGS[number]
    answer = ask(scan(clipping.text, seed=number))
    assert answer.lang.item() == clipping.lang
    assert np.isfinite(answer.score.item())
    if clipping.lang == "en":
        assert " ".join(answer.text.item().split()) == clipping.text
    else:
        assert "The " in answer.text.item()


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_picture_that_is_none_is_one_error_that_names_the_step(executed, name):
    picture, said = UNREADABLE[name]
    with pytest.raises(MlopsError) as failed:
        ask(picture())
    assert "ocr" in str(failed.value) and said in str(failed.value)
    [record] = mj.audit("press-monitor", kind="prediction", limit=1)
    assert record.failed


def test_a_body_over_the_bound_is_refused_before_any_step(executed):
    steps = len(mj.audit("ocr", limit=1000))
    with pytest.raises(TooLarge):
        ask(b"\x89PNG\r\n\x1a\n" + bytes(20_000_000))
    assert len(mj.audit("ocr", limit=1000)) == steps


UNKNOWN = {
    "letters": ("Qwx zzk vrrt plmf, grwpt zxcv bnmk.", {"zxx", "und"}),
    "numbers": ("1234 5678 9012 3456", {"zxx", "und"}),
    "blank": ("", {"und"}),
    "French": (
        "Le gouvernement annonce une hausse importante des impôts pour les familles.",
        {"fr"},
    ),
}


@pytest.mark.parametrize(("text", "languages"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_text_that_nobody_here_reads_gets_no_score(executed, text, languages):
    answer = ask(scan(text) if text else png(800, 600))
    assert answer.lang.item() in languages
    assert answer.score.isna().all()


def test_a_batch_keeps_its_order_whatever_its_languages(executed):
    order = [2, 0, 3, 1]
    pictures = [scan(CLIPPINGS[place].text, seed=place) for place in order]
    pictures.insert(2, png(800, 600))
    answer = ask(*pictures)
    assert answer.lang.tolist() == ["es", "en", "und", "es", "en"]
    assert answer.score.isna().tolist() == [False, False, True, False, False]


# -- from other kernels ---------------------------------------------------------------------------


def test_a_notebook_of_r_registers_deploys_and_calls_as_a_job(installed, home):
    run = mj.train(PRESS / "from_r.ipynb", {"mlops": COMMAND}, wait=True)
    assert run.state == "succeeded", run.status.reason
    [called] = mj.audit("mileage", kind="prediction")
    assert (called["actor"]["sub"], called["rows"], called["status"]) == ("app:garage", 3, 200)
    assert called["model"]["version"] == 1
    cars = pd.DataFrame({"wt": [2.62], "hp": [110.0]})
    assert mj.predict("mileage", cars).mpg.item() == pytest.approx(23.572, abs=0.01)
