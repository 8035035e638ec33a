"""The transcript in docs/workers.md is what a shell shows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from mlops_jupyter.workers.scaffold import init_worker
from tests.workers.programs import need

PAGE = Path(__file__).parents[2] / "docs" / "workers.md"


def test_the_transcript_of_the_protocol_is_true(tmp_path: Path) -> None:
    need("node", "nodejs")
    init_worker("node", tmp_path)
    text = PAGE.read_text()
    (section,) = re.findall(
        r"## The protocol: JSON lines\n.*?```console\n(.*?)```", text, re.DOTALL
    )
    talks = [part.split("\n", 1) for part in section.split("$ ")[1:]]
    assert len(talks) == 2
    for command, shown in talks:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout == shown
