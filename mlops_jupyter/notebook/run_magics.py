"""The magics on runs: each reads its line and calls the function of its name in `training`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mlops_jupyter.notebook.run_grammar import options_of

if TYPE_CHECKING:
    from mlops_jupyter.notebook.magics import Context


def train(given: argparse.Namespace, context: Context) -> Any:
    """``%train``."""
    from mlops_jupyter.notebook import training
    from mlops_jupyter.notebook.following import follow

    options = options_of(given)
    if given.sweep:
        view: Any = training.sweep(
            given.notebook,
            given.sweep,
            maximize=given.maximize,
            minimize=given.minimize,
            search=given.search,
            count=given.count,
            seed=given.seed,
            parallel=given.parallel,
            wait=given.wait,
            on_progress=context.live.show,
            **options,
        )
    else:
        view = training.train(
            given.notebook, wait=given.wait, on_progress=context.live.show, **options
        )
    shown = context.live.finish(view)
    if context.live.in_kernel:
        follow(view, context.live.show)
    return shown


def runs(given: argparse.Namespace, _context: Context) -> Any:
    """``%runs``."""
    from mlops_jupyter.notebook import training

    if given.show:
        return training.run(given.show)
    if given.log:
        return training.run(given.log).log()
    if given.cancel:
        return training.cancel(given.cancel)
    return training.runs(
        given.notebook,
        state=given.state,
        user=given.by,
        sweep=given.sweep,
        schedule=given.schedule,
        limit=given.limit,
    )


def schedule(given: argparse.Namespace, _context: Context) -> Any:
    """``%schedule``."""
    from mlops_jupyter.notebook import training

    for name, change in (
        (given.suspend, training.suspend),
        (given.resume, training.resume),
        (given.delete, training.delete_schedule),
    ):
        if name:
            return change(name)
    if given.notebook is None:
        return training.schedules()
    return training.schedule(
        given.notebook,
        given.cron or "",
        name=given.name,
        tz=given.tz,
        concurrency=given.concurrency,
        starting_deadline=given.deadline,
        jitter=given.jitter,
        pinned=given.pinned,
        **options_of(given),
    )
