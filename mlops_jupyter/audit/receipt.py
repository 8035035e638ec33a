"""Receipts: one record's proof as a text file, C2SP tlog-proof@v1, verifiable offline."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from mlops_jupyter.audit.note import Checkpoint, InvalidNote, Verifier, decode_base64
from mlops_jupyter.audit.tree import HASH_BYTES, NodeSource, includes, inclusion_proof, leaf_hash

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Receipt:
    """The record at `index` is in the log that signed `note` (https://c2sp.org/tlog-proof)."""

    index: int
    proof: tuple[bytes, ...]
    note: str

    @classmethod
    def make(cls, index: int, note: str, node: NodeSource) -> Receipt:
        """Prove `index` under the checkpoint in `note`, with nodes read from `node`."""
        size = Checkpoint.parse(note.partition("\n\n")[0] + "\n").size
        return cls(index, tuple(inclusion_proof(index, size, node)), note)

    def __str__(self) -> str:
        steps = "".join(base64.b64encode(step).decode() + "\n" for step in self.proof)
        return f"{HEADER}\nindex {self.index}\n{steps}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> Receipt:
        """Read a ``.tlog-proof`` file; raise InvalidNote when it is malformed."""
        head, gap, note = text.partition("\n\n")
        lines = head.split("\n")
        if not gap or lines[0] != HEADER:
            raise InvalidNote("This is not a receipt.", fix=f"Its first line is '{HEADER}'.")
        at = 2 if len(lines) > 1 and lines[1].startswith("extra ") else 1
        match = _INDEX.fullmatch(lines[at]) if len(lines) > at else None
        if match is None:
            raise InvalidNote("The receipt does not name an index.")
        proof = tuple(decode_base64(line) for line in lines[at + 1 :])
        if any(len(step) != HASH_BYTES for step in proof):
            raise InvalidNote("A line of the receipt's proof is not a SHA-256.")
        return cls(int(match[1]), proof, note)

    def verify(self, record: bytes, verifier: Verifier) -> Checkpoint:
        """The checkpoint that covers exactly these record bytes; raise InvalidNote otherwise."""
        checkpoint = Checkpoint.open(self.note, verifier)
        if not includes(
            self.index, checkpoint.size, leaf_hash(record), self.proof, checkpoint.root
        ):
            raise InvalidNote(
                "The receipt does not prove this record.",
                reason="The record's bytes, the index or the proof differ from what was signed.",
            )
        return checkpoint
