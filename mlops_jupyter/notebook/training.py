"""The verbs on runs as Python functions: train, runs, run, schedule."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mlops_jupyter.client.size import bytes_of
from mlops_jupyter.notebook.connection import connected
from mlops_jupyter.notebook.live import Progress
from mlops_jupyter.notebook.run_views import (
    Comparison,
    RunList,
    RunView,
    ScheduleList,
    SweepView,
    sweep_view,
)
from mlops_jupyter.types import InvalidRequest, NotFound, Resources


def train(
    notebook: str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    texts: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    kernel: str = "",
    folder: str | Path | None = None,
    output: str | Path | None = None,
    cpus: float = 1.0,
    memory: int | str = 0,
    gpu: int = 0,
    timeout: float | None = None,
    cell_timeout: float | None = None,
    retries: int = 0,
    notify: str = "",
    wait: bool = False,
    on_progress: Progress | None = None,
) -> RunView:
    """Run a notebook as a job of the hub: it goes on whatever becomes of this kernel.

    Parameters
    ----------
    parameters
        Values for the names that the notebook's cell tagged ``parameters`` declares.
    texts
        The same as text, read by the declared types.
    secrets
        References by variable: ``env:NAME``, ``file:PATH`` or ``keyring:SERVICE/USER``. Values
        reach the environment of the run's kernel and nothing else.
    folder
        Working directory; the notebook's own by default.
    output
        Where the executed notebook is copied to, too.
    cpus, memory, gpu
        What it asks of the machine; memory in bytes or as ``4G``, above which it fails.
    timeout, cell_timeout
        Longest time for the run and for one cell, seconds.
    notify
        URL that is told of its end, signed (see docs/runs.md).
    wait
        Whether to return only when it has ended; raises RunFailed if it did not succeed.
    """
    hub = connected()
    options = run_options(
        texts=texts,
        secrets=secrets,
        environment=environment,
        kernel=kernel,
        folder=folder,
        output=output,
        cpus=cpus,
        memory=memory,
        gpu=gpu,
        timeout=timeout,
        cell_timeout=cell_timeout,
        retries=retries,
        notify=notify,
    )
    status = hub.run(notebook, parameters, **options)
    view = RunView(hub, status)
    return view.wait(look=on_progress or _silent) if wait else view


def sweep(
    notebook: str | Path,
    space: Sequence[str] | Mapping[str, Sequence[Any]],
    *,
    maximize: str = "",
    minimize: str = "",
    search: Literal["grid", "random", "optuna"] = "grid",
    count: int | None = None,
    seed: int = 0,
    parallel: int = 1,
    wait: bool = False,
    on_progress: Progress | None = None,
    **options: Any,
) -> SweepView:
    """Run a notebook over a space of parameters: ``sweep("fit.ipynb", {"lr": [0.1, 0.01]})``.

    Parameters
    ----------
    space
        Values by name, or dimensions as text: ``lr=0.1,0.01``, ``depth=3..6``,
        ``lr=0.001..0.1:log``.
    maximize, minimize
        The metric that says which run is best.
    search, count
        ``grid`` tries all points, ``random`` and ``optuna`` try `count` of them.
    parallel
        How many of its runs may go on at once.
    options
        As for `train`.
    """
    if maximize and minimize:
        raise InvalidRequest(
            "A sweep has one metric.",
            reason="Both maximize and minimize were given.",
            fix="Leave out one of them.",
            code="invalid_sweep",
        )
    hub = connected()
    status = hub.start_sweep(
        notebook,
        [_dimension(name, values) for name, values in space.items()]
        if isinstance(space, Mapping)
        else list(space),
        metric=maximize or minimize,
        direction="minimize" if minimize else "maximize",
        search=search,
        count=count,
        seed=seed,
        parallel=parallel,
        **run_options(**options),
    )
    view = sweep_view(hub, status)
    return view.wait(look=on_progress or _silent) if wait else view


def runs(
    notebook: str | None = None,
    *,
    state: str | None = None,
    user: str | None = None,
    sweep: str | None = None,
    schedule: str | None = None,
    limit: int = 20,
) -> RunList:
    """Runs, newest first; `state` may be ``active`` for all that have not ended."""
    hub = connected()
    name = notebook.rpartition("/")[2].removesuffix(".ipynb") if notebook else None
    page = hub.runs(
        state=state, notebook=name, user=user, sweep=sweep, schedule=schedule, limit=limit
    )
    return RunList(hub, page.runs)


def run(run_id: str) -> RunView:
    """One run by its id; the beginning of it is enough where only one has it."""
    hub = connected()
    return RunView(hub, hub.run_status(run_id))


def rerun(
    run_id: str,
    *,
    kernel: str = "",
    wait: bool = True,
    on_progress: Progress | None = None,
) -> RunView:
    """Run a recorded run again, with its notebook, parameters, environment and data, and compare.

    The repeat's `verdict` says ``identical``, ``within tolerance …`` or ``differs in: …``.

    Parameters
    ----------
    kernel
        Name of a kernelspec to use instead of the recorded environment.
    wait
        Whether to return only when it has ended and was compared.
    """
    hub = connected()
    view = RunView(hub, hub.rerun(run_id, kernel))
    return view.wait(check=False, look=on_progress or _silent).judged() if wait else view


def compare(first: str, second: str, tolerance: float | None = None) -> Comparison:
    """How one run compares with another: metrics, predictions, cells."""
    return Comparison(connected().compare_runs(first, second, tolerance))


def cancel(run_id: str) -> RunView | SweepView:
    """End a run, or a sweep with all its runs."""
    hub = connected()
    try:
        return RunView(hub, hub.cancel_run(run_id, wait=30.0))
    except NotFound:
        try:
            return sweep_view(hub, hub.cancel_sweep(run_id))
        except NotFound:
            pass
        raise


def schedules() -> ScheduleList:
    """All schedules of the hub."""
    return ScheduleList(connected().schedules())


def schedule(
    notebook: str | Path,
    cron: str,
    *,
    name: str | None = None,
    tz: str = "UTC",
    parameters: Mapping[str, Any] | None = None,
    concurrency: Literal["Allow", "Forbid", "Replace"] = "Allow",
    starting_deadline: float | None = None,
    suspended: bool = False,
    jitter: float = 0.0,
    pinned: bool = False,
    **options: Any,
) -> ScheduleList:
    """Run a notebook by a cron rule, with the meaning of a Kubernetes CronJob.

    Parameters
    ----------
    cron
        Five fields (minute, hour, day of month, month, day of week), or ``@daily`` and its like.
    name
        The schedule's name; the notebook's if not given. One of that name is replaced.
    tz
        IANA time zone.
    concurrency
        What happens while a run of it goes on: ``Allow`` both, ``Forbid`` the new one, ``Replace``
        the old one.
    starting_deadline
        How late a start may be, seconds.
    pinned
        Whether the notebook as it is now is run, whatever becomes of the file.
    options
        As for `train`.
    """
    status = connected().save_schedule(
        notebook,
        cron,
        name=name,
        time_zone=tz,
        parameters=parameters,
        concurrency=concurrency,
        starting_deadline_seconds=starting_deadline,
        suspended=suspended,
        jitter_seconds=jitter,
        pinned=pinned,
        **run_options(**options),
    )
    return ScheduleList([status])


def suspend(name: str) -> ScheduleList:
    """Let a schedule start nothing for now."""
    return ScheduleList([connected().suspend_schedule(name, suspended=True)])


def resume(name: str) -> ScheduleList:
    """Let a schedule start runs again."""
    return ScheduleList([connected().suspend_schedule(name, suspended=False)])


def delete_schedule(name: str) -> ScheduleList:
    """Remove a schedule, and show those that are left; its runs stay."""
    hub = connected()
    hub.delete_schedule(name)
    return ScheduleList(hub.schedules())


def run_options(
    *,
    cpus: float = 1.0,
    memory: int | str = 0,
    gpu: int = 0,
    timeout: float | None = None,
    cell_timeout: float | None = None,
    **others: Any,
) -> dict[str, Any]:
    """The options of `train` as the client's methods take them."""
    return {
        "resources": Resources(cpus, bytes_of(memory), gpu),
        "run_seconds": timeout,
        "cell_seconds": cell_timeout,
        **others,
    }


def _dimension(name: str, values: Any) -> str:
    if isinstance(values, str):
        return f"{name}={values}"
    return f"{name}={','.join(json.dumps(value) for value in values)}"


def _silent(_view: Any) -> None:
    pass
