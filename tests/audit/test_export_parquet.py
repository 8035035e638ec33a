"""Parquet as a stream: whole, typed, and never all in memory."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator

import orjson
import pytest

from mlops_jupyter.audit import Entry, export
from mlops_jupyter.types import InvalidInput
from tests.audit.conftest import Home, prediction


def read(pieces: Iterator[bytes]) -> list[dict[str, object]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    table: list[dict[str, object]] = parquet.read_table(io.BytesIO(b"".join(pieces))).to_pylist()
    return table


def test_every_record_is_in_the_file_with_its_exact_text(home: Home) -> None:
    home.fill(1500)
    rows = read(export(home.query().each(), "parquet"))
    assert [row["index"] for row in rows] == list(range(1500))
    leaves = [leaf.decode() for _, leaf in home.query().each()]
    assert [row["record"] for row in rows] == leaves


def test_an_empty_export_is_a_file_without_rows(home: Home) -> None:
    assert read(export(iter(()), "parquet")) == []


def test_whom_somebody_acted_for_has_its_columns(home: Home) -> None:
    behalf = {"sub": "user:alice", "method": "jupyterhub"}
    home.ledger.append([prediction(0, on_behalf_of=behalf), prediction(1)])
    rows = read(export(home.query().each(), "parquet"))
    assert [row["on_behalf_of.sub"] for row in rows] == ["user:alice", None]
    header = b"".join(export(home.query().each(), "csv")).splitlines()[0]
    assert b"on_behalf_of.sub,on_behalf_of.method" in header


@pytest.mark.parametrize("name", ["=cmd()", "a\x00b", "\u202e", "<script>", "ü" * 10_000])
def test_hostile_text_comes_back_as_it_was(home: Home, name: str) -> None:
    home.ledger.append([Entry({"kind": "control", "action": name})])
    (row,) = read(export(home.query().each(), "parquet"))
    assert row["action"] == name


def test_pieces_come_while_records_are_still_read() -> None:
    pytest.importorskip("pyarrow")
    taken = 0

    def records() -> Iterator[tuple[int, bytes]]:
        nonlocal taken
        leaf = orjson.dumps({"kind": "prediction", "endpoint": "churn"})
        for index in itertools.count():
            taken = index
            yield index, leaf

    pieces = export(records(), "parquet")
    assert next(pieces).startswith(b"PAR1")
    assert taken < 20_000
    pieces.close()  # type: ignore[attr-defined]


def test_without_its_library_the_refusal_comes_before_the_first_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInput) as caught:
        export(iter(()), "parquet")
    assert (caught.value.status, caught.value.code) == (422, "parquet_not_available")
    assert "pyarrow" in caught.value.fix
