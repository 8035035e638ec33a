"""The parts of a run that decide without doing: masks, bounds, marks, and the folder's reading."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.training import outputs
from mlops_jupyter.training.folder import MAX_READ_BYTES, RunFolder, write_atomically
from mlops_jupyter.training.masking import MASKED, Mask, StreamMask
from mlops_jupyter.training.repair import encoded, marked
from mlops_jupyter.types import CellProgress, RunSpec


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.make(tmp_path, "run-1", RunSpec(notebook="/n.ipynb"), b"{}")


SECRET = 'pa55/w"rd\n with ünicode'


@pytest.mark.parametrize(
    "shown",
    [SECRET, json.dumps(SECRET), json.dumps(SECRET, ensure_ascii=False), repr(SECRET)],
)
def test_a_secret_is_masked_in_the_forms_that_it_takes(shown: str) -> None:
    assert "pa55" not in Mask([SECRET]).text(f"({shown})")


def test_a_short_value_is_not_masked() -> None:
    assert Mask(["a", "12345"]).text("a 12345") == "a 12345"


@given(st.text("abc", max_size=30), st.lists(st.integers(0, 60), max_size=6))
def test_a_secret_is_masked_wherever_a_stream_is_cut(around: str, cuts: list[int]) -> None:
    secret = "abcabd"
    text = around + secret + around
    stream = StreamMask(Mask([secret]))
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    shown = "".join(stream.feed(piece) for piece in pieces) + stream.flush()
    assert shown == text.replace(secret, MASKED)


def test_a_stream_without_secrets_is_not_held_back() -> None:
    assert StreamMask(Mask()).feed("at once") == "at once"


def test_a_torn_last_event_is_left_for_the_next_time(folder: RunFolder) -> None:
    folder.append(b'{"event":"a"}')
    with folder.events_file.open("ab") as file:
        file.write(b'{"eve')
    events, offset = folder.events()
    assert [event["event"] for event in events] == ["a"]
    with folder.events_file.open("ab") as file:
        file.write(b'nt":"b"}\nno json\n[1]\n')
    events, offset = folder.events(offset)
    assert [event["event"] for event in events] == ["b"]
    assert offset == folder.events_file.stat().st_size
    assert folder.events(offset) == ([], offset)


def test_many_events_are_read_in_parts(folder: RunFolder) -> None:
    line = json.dumps({"event": "line", "line": "x" * 1000}).encode()
    count = 2 * MAX_READ_BYTES // len(line)
    folder.events_file.write_bytes((line + b"\n") * count)
    seen, offset = 0, 0
    while read := folder.events(offset)[0]:
        seen, offset = seen + len(read), folder.events(offset)[1]
    assert seen == count


def test_a_parameter_that_is_not_a_number_survives_the_folder(tmp_path: Path) -> None:
    spec = RunSpec(notebook="/n.ipynb", parameters={"bound": float("inf"), "name": "ü"})
    assert RunFolder.make(tmp_path, "run-2", spec, b"").spec() == spec


def test_a_supervisor_is_known_as_long_as_it_holds_its_lock(folder: RunFolder) -> None:
    assert folder.supervisor_pid() is None
    lock = folder.claim(os.getpid(), 0.0)
    assert folder.supervisor_pid() == os.getpid()
    os.close(lock)
    assert folder.supervisor_pid() is None


def test_an_atomic_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_atomically(path, b"old")
    path.chmod(0o600)
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def cell(kind: str, status: str) -> dict[str, object]:
    return {"cell_type": kind, "metadata": {"papermill": {"status": status}}, "source": "a\nb"}


def test_a_notebook_that_lies_is_told_what_its_cells_did() -> None:
    kinds = ("markdown", "code", "code", "markdown", "code")
    lie = {"cells": [cell(kind, "completed") for kind in kinds], "metadata": {}}
    known = {
        1: CellProgress(1, state="completed", started_at=10.0, seconds=2.0),
        2: CellProgress(2, state="failed", started_at=12.0, seconds=1.0),
    }
    repaired = marked(lie, known)
    marks = [cell["metadata"]["papermill"] for cell in repaired["cells"]]
    assert [mark["status"] for mark in marks] == [
        "completed",
        "completed",
        "failed",
        "pending",
        "pending",
    ]
    assert marks[1]["end_time"] == "1970-01-01T00:00:12+00:00"
    assert [mark["exception"] for mark in marks] == [None, False, True, None, None]
    assert repaired["metadata"]["papermill"]["exception"] is True
    assert lie["cells"][2] == cell("code", "completed")


def test_nothing_is_completed_where_no_cell_ran() -> None:
    notebook = {"cells": [cell("markdown", "completed"), cell("code", "completed")]}
    statuses = [c["metadata"]["papermill"]["status"] for c in marked(notebook, {})["cells"]]
    assert statuses == ["pending", "pending"]


def test_a_notebook_is_written_as_json_whatever_it_holds() -> None:
    odd = {"cells": [{"cell_type": "code", "source": "a\nb", "metadata": {"x": float("nan")}}]}
    odd["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "\udcff"}]
    read = json.loads(encoded(odd), parse_constant=pytest.fail)
    assert read["cells"][0]["source"] == ["a\n", "b"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo\n\n", "two"),
        ("10%\r20%\r30%", "30%"),
        ("\x1b[31mred\x1b[0m\n", "red"),
        ("x" * 1000, "x" * outputs.MAX_LINE),
        (" \n", ""),
    ],
)
def test_the_last_line_is_what_a_terminal_shows(text: str, line: str) -> None:
    assert outputs.last_line(text) == line


def test_last_lines_are_told_seldom_and_the_last_one_always() -> None:
    told: list[str] = []
    waiting: list[float] = []
    clock = [0.0]
    line = outputs.LastLine(
        lambda _stream, text: told.append(text),
        lambda seconds, _call: waiting.append(seconds),
        lambda: clock[0],
    )
    for number in range(100):
        line.see("stdout", f"{number}\n")
    assert told == ["0"]
    assert waiting == [outputs.LINE_SECONDS]
    line.flush()
    line.flush()
    assert told == ["0", "99"]


def test_a_digest_ignores_how_output_was_cut_and_counted() -> None:
    def stream(text: str) -> outputs.Output:
        return {"output_type": "stream", "name": "stdout", "text": text}

    def result(count: int, text: str) -> outputs.Output:
        data = {"text/plain": text}
        return {"output_type": "execute_result", "execution_count": count, "data": data}

    whole = outputs.outputs_sha256([stream("ab"), result(1, "x")])
    assert whole == outputs.outputs_sha256([stream("a"), result(7, "x"), stream("b")])
    assert whole != outputs.outputs_sha256([stream("ab"), result(1, "y")])


def test_text_that_comes_in_many_pieces_is_joined_in_bounded_time() -> None:
    kept: list[outputs.Output] = []
    for _ in range(3000):
        piece = "x" * 99 + "\n"
        if not outputs.joined(kept, "stdout", piece):
            kept.append({"output_type": "stream", "name": "stdout", "text": piece})
    assert sum(len(output["text"]) for output in kept) == 300_000
    assert 1 < len(kept) < 10
    assert all(output["text"].endswith("\n") for output in kept)
