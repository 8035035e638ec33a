"""What is read of a notebook, and what is refused as one."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import nbformat
import pytest

from mlops_jupyter.training import notebook as module
from mlops_jupyter.training.notebook import Notebook, title
from mlops_jupyter.types import InvalidRequest, TooLarge

PYTHON = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python", "version": "3.11"},
}


def code(source: str | list[str], *tags: str, **fields: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}
    return {**cell, "outputs": [], "execution_count": None, **fields}


def text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def written(*cells: dict[str, Any], metadata: Any = PYTHON, **fields: Any) -> bytes:
    content = {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": list(cells)}
    return json.dumps({**content, **fields}).encode()


def read(*cells: dict[str, Any], **fields: Any) -> Notebook:
    return Notebook.read(written(*cells, **fields))


def test_kernel_language_and_cells_are_read() -> None:
    notebook = read(text("# Fit"), code(["lr = 0.1\n", "n = 3"], "parameters"), code("fit()"))
    assert (notebook.kernel, notebook.language) == ("python3", "python")
    assert [cell.kind for cell in notebook.cells] == ["markdown", "code", "code"]
    assert notebook.parameters_cell is not None
    assert notebook.parameters_cell.source == "lr = 0.1\nn = 3"
    assert [cell.index for cell in notebook.code_cells] == [1, 2]
    assert notebook.code_cells[1].source_sha256 == hashlib.sha256(b"fit()").hexdigest()


@pytest.mark.parametrize(
    ("metadata", "kernel", "language"),
    [
        ({}, "", ""),
        ({"kernelspec": {"name": "python3"}}, "python3", "python"),
        ({"kernelspec": {"name": "ir"}}, "ir", "R"),
        ({"kernelspec": {"name": "iruby"}}, "iruby", ""),
        ({"kernelspec": {"name": "mine", "language": "julia"}}, "mine", "julia"),
        ({"kernelspec": {"name": "x"}, "language_info": {"name": "R"}}, "x", "R"),
    ],
)
def test_a_notebook_may_say_little_of_its_kernel(
    metadata: dict[str, Any], kernel: str, language: str
) -> None:
    notebook = read(code("1"), metadata=metadata)
    assert (notebook.kernel, notebook.language) == (kernel, language)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("\n# Load the data\nx = 1", "Load the data"),
        ("x = 1\n# later", "x = 1"),
        ("%%time\nfit()", "%%time"),
        ("// in Scala", "in Scala"),
        ("", ""),
        ("#\nfit()", "fit()"),
        ("a\x1b[31m = 1", "a[31m = 1"),
        ("x" * 100, "x" * 79 + "…"),
    ],
)
def test_a_cell_is_called_by_its_first_line(source: str, shown: str) -> None:
    assert title(source) == shown


def test_an_empty_cell_is_called_by_the_heading_above_it() -> None:
    notebook = read(text("# Train\nslowly\n## Fit"), text("no heading"), code(""), code("fit()"))
    assert [cell.title for cell in notebook.code_cells] == ["Fit", "fit()"]


def test_the_digest_is_of_what_runs_and_not_of_what_came_out() -> None:
    cells = code("lr = 0.1", "parameters"), code("fit()")
    output = {"output_type": "stream", "name": "stdout", "text": "done"}
    ran = code("lr = 0.1", "parameters", id="a"), code("fit()", outputs=[output], id="b")
    noted = {**PYTHON, "papermill": {"duration": 3}}
    same = read(*ran, metadata=noted, nbformat_minor=5)
    assert read(*cells).stripped_sha256 == same.stripped_sha256


@pytest.mark.parametrize(
    "changed",
    [
        written(code("lr = 0.2", "parameters")),
        written(code("lr = 0.1")),
        written({**code("lr = 0.1", "parameters"), "cell_type": "raw"}, code("")),
        written(code("lr = 0.1", "parameters"), metadata={"kernelspec": {"name": "ir"}}),
    ],
)
def test_the_digest_changes_with_what_runs(changed: bytes) -> None:
    before = read(code("lr = 0.1", "parameters"))
    assert Notebook.read(changed).stripped_sha256 != before.stripped_sha256


def test_the_copy_is_a_notebook_without_outputs() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "secret of last week"}
    state = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    attached = {**text("![](attachment:a.png)"), "attachments": {"a.png": {"image/png": "aGk="}}}
    ran = {**code("fit()", "slow", outputs=[output], execution_count=7), "id": "c1"}
    notebook = read(
        {**attached, "id": "c0"}, ran, metadata={**PYTHON, "widgets": state}, nbformat_minor=5
    )
    copy: Any = nbformat.reads(notebook.copy.decode(), as_version=4)
    nbformat.validate(copy)
    assert b"last week" not in notebook.copy
    assert copy.cells[1].outputs == []
    assert (copy.cells[1].id, copy.cells[1].metadata.tags) == ("c1", ["slow"])
    assert copy.cells[0].attachments == attached["attachments"]
    assert copy.metadata.kernelspec == PYTHON["kernelspec"]
    assert "widgets" not in copy.metadata
    assert Notebook.read(notebook.copy).stripped_sha256 == notebook.stripped_sha256
    assert notebook.copy_sha256 == hashlib.sha256(notebook.copy).hexdigest()


def test_a_hundred_megabytes_of_output_are_passed_over() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 1000}
    head, tail = written(code("fit()", outputs=["HERE"])).split(b'"HERE"')
    many = b",".join([json.dumps(output).encode()] * 100_000)
    content = head + many + tail
    assert len(content) > 100_000_000
    notebook = Notebook.read(content)
    assert len(notebook.copy) < 1000


def test_a_notebook_with_nan_in_it_is_read_as_python_wrote_it() -> None:
    output = {"output_type": "execute_result", "data": {"application/json": float("nan")}}
    metadata = {**PYTHON, "papermill": {"parameters": {"lr": float("inf")}}}
    assert read(code("1", outputs=[output]), metadata=metadata).kernel == "python3"


@pytest.mark.parametrize(
    ("content", "code_word"),
    [
        (b"", "invalid_notebook"),
        (b"not json", "invalid_notebook"),
        (b"\xff\xfe\x00", "invalid_notebook"),
        (b"[]", "invalid_notebook"),
        (b"null", "invalid_notebook"),
        (b"{}", "invalid_notebook"),
        (b"[" * 100_000, "invalid_notebook"),
        (b'{"nbformat": 4, "metadata": {}, "x": ' + b"[" * 100_000, "invalid_notebook"),
        (b'{"nbformat": 3, "worksheets": [], "metadata": {}}', "old_notebook"),
        (written(code("1"), nbformat=5), "old_notebook"),
        (written(), "invalid_notebook"),
        (written(text("only words")), "invalid_notebook"),
        (written(code("1"), cells={}), "invalid_notebook"),
        (written(code("1"), metadata=[]), "invalid_notebook"),
        (written(code("1"), metadata={"kernelspec": "python3"}), "invalid_notebook"),
        (written({**code("1"), "source": 3}), "invalid_notebook"),
        (written({**code("1"), "metadata": {"tags": "parameters"}}), "invalid_notebook"),
        (written({**code("1"), "cell_type": "song"}), "invalid_notebook"),
        (written(code("'\ud83d'")), "invalid_notebook"),
    ],
)
def test_what_is_no_notebook_is_refused(content: bytes, code_word: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Notebook.read(content)
    assert refused.value.code == code_word
    assert refused.value.fix


def test_a_notebook_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge):
        read(*[code("1")] * (module.MAX_CELLS + 1))
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(TooLarge):
        read(code("1"))
