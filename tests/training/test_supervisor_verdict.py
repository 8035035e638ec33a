"""What a run's end is called, from what its executor said and what its supervisor saw."""

from __future__ import annotations

import pytest

from mlops_jupyter.training.verdict import (
    PERMANENT,
    Attempt,
    Outcome,
    Verdict,
    judge,
    retriable,
    settled,
)
from mlops_jupyter.types import CellProgress

FAILED = Outcome("failed", "cell_failed", "Cell 1 failed.")
STOPPED = Outcome("stopped")
KILLED = Outcome("failed", "kernel_died", "Died.", signal=9)
UNSTARTED = Outcome("failed", "kernel_not_started", "No answer.")


@pytest.mark.parametrize(
    ("attempt", "state", "code", "said"),
    [
        (Attempt(Outcome("succeeded")), "succeeded", "", ""),
        (Attempt(FAILED), "failed", "cell_failed", "Cell 1"),
        # it had ended before it was asked to
        (Attempt(FAILED, "cancelled"), "failed", "cell_failed", "Cell 1"),
        (Attempt(STOPPED, "cancelled"), "cancelled", "", "cancelled"),
        (Attempt(None, "cancelled", -9), "cancelled", "", "cancelled"),
        (Attempt(STOPPED, "run_timed_out"), "timed_out", "run_timed_out", "its 60 s"),
        (Attempt(None, "out_of_memory", -9, "", 3 * 10**9), "failed", "out_of_memory", "3 GB"),
        (Attempt(None, "", -11), "failed", "executor_died", "signal SIGSEGV"),
        (Attempt(None, "", 1, "no disk"), "failed", "executor_died", "words: no disk"),
        (Attempt(KILLED), "failed", "kernel_died", "Probably the machine ran out of memory"),
        (Attempt(KILLED, oom_killed=True), "failed", "kernel_died", "for lack of memory"),
        (Attempt(UNSTARTED, log_line="boom"), "failed", "kernel_not_started", "words: boom"),
    ],
)
def test_both_sides_make_the_verdict(attempt: Attempt, state: str, code: str, said: str) -> None:
    verdict = judge(attempt, run_seconds=60, memory_bytes=2 * 10**9)
    assert (verdict.state, verdict.code) == (state, code)
    assert said in verdict.reason


def test_only_what_may_end_otherwise_is_tried_again() -> None:
    assert retriable(Verdict("failed", "cell_failed"))
    assert retriable(Verdict("timed_out", "run_timed_out"))
    assert not retriable(Verdict("cancelled"))
    assert not retriable(Verdict("succeeded"))
    assert not any(retriable(Verdict("failed", code)) for code in PERMANENT)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict("cancelled"), "cancelled"),
        (Verdict("timed_out", "run_timed_out"), "cancelled"),
        (Verdict("failed", "out_of_memory"), "failed"),
        (Verdict("failed", "executor_died"), "unknown"),
    ],
)
def test_the_cell_that_ran_ends_with_its_run(verdict: Verdict, state: str) -> None:
    cells = (
        CellProgress(0, state="completed", seconds=1.0),
        CellProgress(1, state="running", started_at=5.0),
        CellProgress(2),
    )
    ended = settled(cells, verdict, 7.0)
    assert [cell.state for cell in ended] == ["completed", state, "pending"]
    assert ended[1].seconds == 2.0
