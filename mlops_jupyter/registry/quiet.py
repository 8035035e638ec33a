"""MLflow without its announcements; its real warnings pass."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_ANNOUNCEMENTS = (
    # we choose the format on purpose; see flavours.py
    "in the pickle or cloudpickle format requires exercising caution",
    "Saving pytorch model by Pickle or CloudPickle format requires exercising caution",
    "Passing a Python object as `python_model` causes it to be serialized using CloudPickle",
    # the signature is inferred from the example right after this
    "Failed to infer schema for inputs",
    "Failed to infer schema for outputs",
    # MLflow names GPU and CPU for every ONNX model, and takes what there is
    "ONNX model declares execution providers",
)
_HINTS = (
    # said in our own words, once, with the columns' names
    "Hint: Inferred schema contains integer column",
    # programs and pipelines have a signature that says more than an example
    "An input example was not provided when logging the model",
    # the signature is inferred from the example
    "Add type hints to the `predict` method",
)
_LOCK = threading.RLock()


class _Announcements(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not any(part in text for part in _ANNOUNCEMENTS)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out MLflow's progress bars, INFO lines and the announcements listed above.

    The state that it changes belongs to the whole process, so one thread enters at a time.
    """
    # importing it sets up its loggers, which would undo what follows
    import mlflow  # noqa: F401

    silence = _Announcements()
    with _LOCK, ExitStack() as undo, warnings.catch_warnings():
        # a filter would not do: MLflow puts filters of its own in front while it saves
        warnings.showwarning = _without_hints(warnings.showwarning)
        undo.enter_context(
            variables(
                MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
                MLFLOW_PRINT_MODEL_URLS_ON_CREATION="false",
                MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
            )
        )
        for name in ("mlflow", "alembic"):
            logger = logging.getLogger(name)
            undo.callback(logger.setLevel, logger.level)
            logger.setLevel(max(logging.WARNING, logger.level))
        for handler in _handlers("mlflow"):
            handler.addFilter(silence)
            undo.callback(handler.removeFilter, silence)
        yield


def _without_hints(show: Callable[..., None]) -> Callable[..., None]:
    def show_others(message: Any, *place: Any, **more: Any) -> None:
        if not any(hint in str(message) for hint in _HINTS):
            show(message, *place, **more)

    return show_others


def _handlers(name: str) -> list[logging.Handler]:
    logger: logging.Logger | None = logging.getLogger(name)
    found: list[logging.Handler] = []
    while logger is not None:
        found.extend(logger.handlers)
        logger = logger.parent if logger.propagate else None
    return found


@contextmanager
def variables(**wanted: str) -> Iterator[None]:
    """Set those environment variables that the user has not set, and take them away again."""
    ours = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
