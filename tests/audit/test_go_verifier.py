"""A verifier written against golang.org/x/mod/sumdb, sharing no code with ours, agrees."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.audit import Checkpoint, Verifier, export
from tests.audit.conftest import Home
from tests.go import built

SOURCE = Path(__file__).parent / "go_verifier"


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(SOURCE, tmp_path_factory.mktemp("go"), "golang.org/x/mod")


@dataclass
class Export:
    """What a third party is given."""

    folder: Path
    vkey: str
    program: Path

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), self.vkey, str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def exported(verifier: Path, make_home: Callable[..., Home]) -> Export:
    home = make_home()
    folder = home.folder / "export"
    for name in ("checkpoints", "receipts", "consistency"):
        (folder / name).mkdir(parents=True)
    sizes = []
    draw = random.Random(3)
    for batch in (1, 1, 5, 1, 248, 300, 64, 700, 37):
        home.fill(batch)
        note = home.ledger.checkpoint()
        size = Checkpoint.open(note, Verifier.parse(home.ledger.vkey)).size
        (folder / "checkpoints" / str(size)).write_text(note)
        sizes.append(size)
        for index in {0, size - 1, *draw.sample(range(size), min(size, 12))}:
            path = folder / "receipts" / f"{size}-{index}.tlog-proof"
            path.write_text(home.ledger.receipt(index))
    query = home.query()
    for i, old in enumerate(sizes):
        for new in sizes[i:]:
            proof = query.consistency(old, new)
            lines = "".join(base64.b64encode(step).decode() + "\n" for step in proof)
            (folder / "consistency" / f"{old}-{new}").write_text(lines)
    with (folder / "records.jsonl").open("wb") as file:
        file.writelines(export(query.each(), "jsonl"))
    return Export(folder, home.ledger.vkey, verifier)


def test_it_accepts_records_checkpoints_receipts_and_consistency_proofs(exported: Export) -> None:
    done = exported.run()
    assert done.stderr == ""
    checked: dict[str, Any] = json.loads(done.stdout)
    assert checked["records"] == 1357
    assert checked["checkpoints"] == 9
    assert checked["consistency"] == 45
    assert checked["receipts"] > 60


def test_it_refuses_an_edited_record(exported: Export) -> None:
    path = exported.folder / "records.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[300] = lines[300].replace(b'"status":200', b'"status":500')
    path.write_bytes(b"\n".join(lines))
    assert "do not have the signed root" in exported.run().stderr


def test_it_refuses_a_cut_export(exported: Export) -> None:
    path = exported.folder / "records.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert exported.run().returncode != 0


def test_it_refuses_a_checkpoint_of_another_key(
    exported: Export, make_home: Callable[..., Home]
) -> None:
    exported.vkey = make_home().ledger.vkey
    assert "note has no verifiable signatures" in exported.run().stderr


def test_it_refuses_a_changed_receipt(exported: Export) -> None:
    path = next(iter(sorted(exported.folder.glob("receipts/1357-*"))))
    lines = path.read_text().split("\n")
    lines[2], lines[3] = lines[3], lines[2]
    path.write_text("\n".join(lines))
    assert "1357-" in exported.run().stderr


def test_it_refuses_a_changed_consistency_proof(exported: Export) -> None:
    path = exported.folder / "consistency" / "7-1357"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    assert "7-1357" in exported.run().stderr
