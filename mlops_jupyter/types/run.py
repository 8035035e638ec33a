"""Runs of notebooks: what was asked for, the states, and what is known of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_jupyter.types.errors import InvalidRequest

RunState = Literal[
    "queued",
    "starting",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "lost",
    "skipped",
]
"""`queued` waits for room, `starting` has a process and no kernel yet, `lost` ended unseen."""

END_STATES: tuple[RunState, ...] = (
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "lost",
    "skipped",
)
CellState = Literal["pending", "running", "completed", "failed", "cancelled", "unknown"]
MAX_SECONDS = 30 * 86_400.0
MAX_RETRIES = 10


@dataclass(frozen=True)
class Resources:
    """What a run asks of the machine.

    Attributes
    ----------
    cpus
        Cores; a fraction is a share of one.
    memory_bytes
        The run fails with `out_of_memory` above it; 0 is no bound.
    gpus
        Whole GPUs, which the run's kernel sees alone.
    """

    cpus: float = 1.0
    memory_bytes: int = 0
    gpus: int = 0

    def __post_init__(self) -> None:
        problem = ""
        if not 0 < self.cpus <= 4096:
            problem = "A run needs over 0 and at most 4096 cores."
        elif self.memory_bytes < 0:
            problem = "Memory cannot be negative."
        elif not 0 <= self.gpus <= 1024:
            problem = "A run can have 0 to 1024 GPUs."
        if problem:
            raise InvalidRequest(problem, code="invalid_resources")


@dataclass(frozen=True)
class Trigger:
    """Why a run was started: by whom it was asked for, or by which rule.

    Attributes
    ----------
    kind
        ``hand``, ``schedule``, ``sweep``, ``drift`` or ``rerun``.
    of
        Name of the schedule, or id of the sweep, the alarm or the run that is repeated.
    """

    kind: Literal["hand", "schedule", "sweep", "drift", "rerun"] = "hand"
    of: str | None = None


@dataclass(frozen=True)
class RunSpec:
    """A notebook and how it is to be executed; never changed once accepted.

    Attributes
    ----------
    notebook
        Absolute path of the notebook as its owner knows it; what runs is the copy.
    notebook_sha256
        SHA-256 hex over the bytes of the copy.
    folder
        Working directory of the kernel.
    kernel
        Name of a kernelspec; empty for the notebook's own.
    parameters
        Values by name, as JSON has them.
    secrets
        References by the name of the environment variable: ``env:…``, ``file:…`` or ``keyring:…``.
    environment
        Further variables for the kernel; not secret, recorded as they are.
    output
        Where a copy of the executed notebook goes, too; None for the run's own folder alone.
    cell_seconds, run_seconds
        Longest time for one cell and for one attempt; None is no bound.
    retries, backoff_seconds
        How often a failed attempt is repeated, and the first pause, doubled each time.
    sweep
        Id of the sweep that the run belongs to.
    notify
        URL that is told of its end, signed; empty for none.
    """

    notebook: str
    notebook_sha256: str = ""
    folder: str = ""
    kernel: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    output: str | None = None
    resources: Resources = Resources()
    cell_seconds: float | None = None
    run_seconds: float | None = None
    retries: int = 0
    backoff_seconds: float = 10.0
    trigger: Trigger = Trigger()
    sweep: str | None = None
    notify: str = ""

    def __post_init__(self) -> None:
        problem = ""
        for seconds in (self.cell_seconds, self.run_seconds):
            if seconds is not None and not 0 < seconds <= MAX_SECONDS:
                problem = "A time limit must be over 0 s and at most 30 days."
        if not 0 <= self.retries <= MAX_RETRIES:
            problem = f"A run can be retried 0 to {MAX_RETRIES} times."
        if not 0 < self.backoff_seconds <= 3600:
            problem = "The pause before a retry must be over 0 s and at most an hour."
        if problem:
            raise InvalidRequest(problem, code="invalid_run")


@dataclass(frozen=True)
class CellError:
    """The exception that ended a run; `traceback` is plain text, without colours."""

    cell: int
    name: str
    value: str
    traceback: str = ""


@dataclass(frozen=True)
class CellProgress:
    """A code cell of a run.

    Attributes
    ----------
    index
        Position among all cells of the executed notebook, from 0.
    title
        The cell's first line, or the heading above it.
    seconds
        How long it took, or has taken so far.
    last_line
        The last line that it printed.
    source_sha256, outputs_sha256
        SHA-256 hex of source, and of outputs without what changes at every run (execution counts,
        object addresses are kept).
    """

    index: int
    title: str = ""
    state: CellState = "pending"
    started_at: float | None = None
    seconds: float | None = None
    last_line: str = ""
    peak_bytes: int | None = None
    source_sha256: str = ""
    outputs_sha256: str = ""


@dataclass(frozen=True)
class RunStatus:
    """All that is known of a run. Times are epoch seconds.

    Attributes
    ----------
    state, code, reason
        The state, a word for why (``cell_failed``, ``kernel_died``, ``out_of_memory``,
        ``cell_timed_out`` …; empty where the state says all), and one sentence.
    place
        Place in the queue from 1, while queued.
    cells_done, cells_total, cell
        Progress over code cells; `cell` is the one that runs, or that failed.
    attempt
        Number of the attempt, from 1.
    exit_code, signal
        Of the kernel where it died, else of the process that executed the notebook.
    metrics
        Newest value by name.
    record
        The facts that make the run repeatable: code, environment, data, seeds, hardware.
    models
        ``name/version`` of the models registered in the run.
    """

    id: str
    spec: RunSpec
    state: RunState
    code: str = ""
    reason: str = ""
    submitted_at: float = 0.0
    submitted_by: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    place: int | None = None
    attempt: int = 1
    cells_done: int = 0
    cells_total: int = 0
    cell: CellProgress | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: CellError | None = None
    peak_bytes: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    mlflow_run_id: str | None = None
    models: tuple[str, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    cells: tuple[CellProgress, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in END_STATES

    @property
    def name(self) -> str:
        """The notebook's file name without its ending."""
        return self.spec.notebook.replace("\\", "/").rpartition("/")[2].removesuffix(".ipynb")
