"""How a run ended: what its executor says, what its supervisor saw, and the verdict on both."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass, replace
from typing import Literal

from mlops_jupyter.types import CellError, CellProgress, RunState
from mlops_jupyter.types.run import CellState

Cause = Literal["", "cancelled", "run_timed_out", "out_of_memory"]
"""Why the supervisor ended an attempt; empty where it did not."""

PERMANENT = ("invalid_notebook", "no_kernel", "unknown_kernel", "no_folder")
"""Codes of failures that another attempt cannot mend."""


@dataclass(frozen=True)
class Outcome:
    """What the executor says at its end.

    Attributes
    ----------
    state
        ``stopped`` where the supervisor asked it to end.
    exit_code, signal
        Of the kernel, where it died.
    """

    state: Literal["succeeded", "failed", "timed_out", "stopped"]
    code: str = ""
    reason: str = ""
    exit_code: int | None = None
    signal: int | None = None
    error: CellError | None = None


@dataclass(frozen=True)
class Attempt:
    """What the supervisor saw of an attempt.

    Attributes
    ----------
    outcome
        None where the executor ended without a word.
    executor_exit
        Its exit code; negative for a signal.
    log_line
        The last thing that executor or kernel wrote to their log.
    memory_bytes
        What the run held when it was last weighed.
    oom_killed
        Whether the system killed any process for lack of memory meanwhile.
    """

    outcome: Outcome | None = None
    cause: Cause = ""
    executor_exit: int = 0
    log_line: str = ""
    memory_bytes: int = 0
    oom_killed: bool = False


@dataclass(frozen=True)
class Verdict:
    """The truth about a run; the fields are those of `RunStatus`."""

    state: RunState
    code: str = ""
    reason: str = ""
    exit_code: int | None = None
    signal: int | None = None
    error: CellError | None = None
    attempt: int = 1
    started_at: float = 0.0
    ended_at: float = 0.0
    peak_bytes: int | None = None
    metrics: dict[str, float] | None = None
    cells: tuple[CellProgress, ...] = ()


def judge(attempt: Attempt, *, run_seconds: float | None, memory_bytes: int) -> Verdict:
    """What became of an attempt, from both sides.

    What the executor had said before it was asked to stop stands: a run that had ended cannot be
    cancelled any more.
    """
    said = attempt.outcome
    if said is not None and said.state != "stopped":
        reason = said.reason
        if said.code == "kernel_died" and said.signal == signals.SIGKILL:
            reason += _probably_memory(attempt)
        elif said.code == "kernel_not_started":
            reason += _last_words(attempt)
        return Verdict(said.state, said.code, reason, said.exit_code, said.signal, said.error)
    if attempt.cause == "cancelled":
        return Verdict("cancelled", reason="The run was cancelled.")
    if attempt.cause == "run_timed_out":
        reason = f"The run took longer than its {_seconds(run_seconds)}."
        return Verdict("timed_out", "run_timed_out", reason)
    if attempt.cause == "out_of_memory":
        reason = (
            f"The run held {_size(attempt.memory_bytes)} of memory, "
            f"over its bound of {_size(memory_bytes)}."
        )
        return Verdict("failed", "out_of_memory", reason)
    return _died(attempt)


def retriable(verdict: Verdict) -> bool:
    """Whether another attempt may end otherwise."""
    return verdict.state in ("failed", "timed_out") and verdict.code not in PERMANENT


def settled(
    cells: tuple[CellProgress, ...], verdict: Verdict, now: float
) -> tuple[CellProgress, ...]:
    """Cells as they stand at the end of a run; the one that was running ended with it."""
    state: CellState = "unknown"
    if verdict.state in ("cancelled", "timed_out"):
        state = "cancelled"
    elif verdict.code in ("out_of_memory", "kernel_died"):
        state = "failed"
    return tuple(
        replace(cell, state=state, seconds=_taken(cell, now)) if cell.state == "running" else cell
        for cell in cells
    )


def exit_words(returncode: int) -> str:
    """``exit code 3``, or ``signal SIGKILL``."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"signal {signals.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"


def _died(attempt: Attempt) -> Verdict:
    """The executor ended without a word, and nobody here asked it to."""
    returncode = attempt.executor_exit
    reason = f"The process that executed the notebook ended with {exit_words(returncode)}."
    return Verdict(
        "failed",
        "executor_died",
        reason + _last_words(attempt),
        exit_code=returncode if returncode >= 0 else None,
        signal=-returncode if returncode < 0 else None,
    )


def _last_words(attempt: Attempt) -> str:
    return f" Its last words: {attempt.log_line}" if attempt.log_line else ""


def _probably_memory(attempt: Attempt) -> str:
    held = f" when it held about {_size(attempt.memory_bytes)}" if attempt.memory_bytes else ""
    if attempt.oom_killed:
        return f" The system was killing processes for lack of memory{held}."
    return (
        f" Probably the machine ran out of memory{held}; nothing else is known to have killed it."
    )


def _taken(cell: CellProgress, now: float) -> float | None:
    return None if cell.started_at is None else max(0.0, now - cell.started_at)


def _seconds(seconds: float | None) -> str:
    return f"{seconds:g} s" if seconds is not None else "time"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
