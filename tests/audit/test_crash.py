"""kill -9 at random moments: what was acknowledged is there, whole, and can be proved."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from mlops_jupyter.audit import (
    AuditQuery,
    Checkpoint,
    Ledger,
    Verifier,
    open_engine,
    open_reader,
    verify,
)

WRITER = """
import os, random, sys
from pathlib import Path
from mlops_jupyter.audit import Entry, Ledger, Payload, open_engine
home = Path(sys.argv[1])
ledger = Ledger.open(open_engine(home / "hub.db"), home / "keys", ballast_bytes=1 << 16)
draw = random.Random(os.getpid())
print("open", flush=True)
while True:
    entries = [
        Entry(
            {"kind": "prediction", "endpoint": f"e{draw.randrange(3)}"},
            Payload(os.urandom(draw.randrange(3000)), "b"),
            Payload(b"[%d]" % draw.randrange(5), "b"),
        )
        for _ in range(draw.randrange(1, 90))
    ]
    ids = ledger.append(entries).ids
    os.write(1, ("\\n".join(ids) + "\\n").encode())
    if draw.random() < 0.2:
        ledger.sign_if_due(float("inf"))
"""


def run_and_kill(home: Path, seconds: float) -> list[str]:
    """Ids that the writer acknowledged before it was killed."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(home)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    out = process.stdout.fileno()
    text = b""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        if select.select([out], [], [], 0.001 if deadline else 30)[0]:
            text += os.read(out, 1 << 16)
            assert text, "the writer did not start"
        deadline = deadline or time.monotonic() + seconds
    process.send_signal(signal.SIGKILL)
    text += process.stdout.read()
    process.wait()
    process.stdout.close()
    # a line that the kill cut short was not acknowledged
    return [line for line in text.decode().split("\n")[:-1] if line != "open"]


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    draw = random.Random()
    acknowledged: list[str] = []
    kept: list[str] = []
    for _ in range(8):
        acknowledged += run_and_kill(tmp_path, draw.uniform(0.0, 0.12))
        report = verify(tmp_path / "hub.db", None, kept[-1] if kept else None)
        assert report.problems == []
        engine = open_engine(tmp_path / "hub.db")
        ledger = Ledger.open(engine, tmp_path / "keys", ballast_bytes=1 << 16)
        kept.append(ledger.checkpoint())
        vkey = ledger.vkey
        engine.dispose()
    assert len({note.split("\n")[0] for note in kept}) == 1, "the log keeps its name over crashes"
    query = AuditQuery(open_reader(tmp_path / "hub.db"))
    leaves = b"\n".join(leaf for _, leaf in query.each())
    assert len(acknowledged) > 100
    assert len(set(acknowledged)) == len(acknowledged)
    assert [i for i in acknowledged if i.encode() not in leaves] == []
    assert verify(tmp_path / "hub.db", vkey, kept[-1]).problems == []
    for note in kept:
        checkpoint = Checkpoint.open(note, Verifier.parse(vkey))
        assert query.root(checkpoint.size) == checkpoint.root
