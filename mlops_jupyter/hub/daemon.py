"""The hub as a process: one per state directory, detached from whoever started it.

Whoever starts it may pass a pipe in ``MLOPS_JUPYTER_READY_FD``. One JSON line comes through it:
``{"url", "socket", "pid"}`` of the hub that runs now (this one, or the one that was quicker), or
``{"error": {code, message, reason, fix}}``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from mlops_jupyter.hub.home import Home, open_home
from mlops_jupyter.hub.lock import HubLock, claim
from mlops_jupyter.types import InvalidRequest, MlopsError
from mlops_jupyter.types.home import state_home

READY_FD = "MLOPS_JUPYTER_READY_FD"
PORT = "MLOPS_JUPYTER_PORT"
LOG_BYTES = 4 * 1024 * 1024
LOG_FILES = 3
LOOK_SECONDS = 5.0
GRACE_SECONDS = 10.0
"""How long calls in hand may take when the hub is stopped."""

_log = logging.getLogger(__name__)


class ReadyLine:
    """The pipe to the starter; says one thing once. Without a pipe it says it nowhere."""

    def __init__(self) -> None:
        # taken out of the environment: workers must not inherit the number of a closed pipe
        text = os.environ.pop(READY_FD, "")
        self._descriptor = int(text) if text.isdigit() else None
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, False)

    def runs(self, said: dict[str, Any]) -> None:
        """A hub runs."""
        self._say({name: said.get(name) for name in ("url", "socket", "pid", "version")})

    def failed(self, error: MlopsError) -> None:
        """No hub runs, and why."""
        self._say({"error": error.to_dict()})
        _log.error("the hub does not start: %s", error)

    def _say(self, line: dict[str, Any]) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
            os.close(descriptor)
        except OSError:
            # the starter has gone; the hub is for everybody
            pass


def main() -> int:
    """Run the hub until it is stopped; the exit status."""
    os.umask(0o077)
    ready = ReadyLine()
    try:
        home = open_home(state_home())
        _log_to(home)
        lock = claim(home.lock)
        if isinstance(lock, dict):
            ready.runs(lock)
            return 0
        try:
            _run(home, lock, ready)
        finally:
            lock.release()
    except MlopsError as error:
        ready.failed(error)
        return 1
    except Exception as fault:
        _log.exception("the hub failed")
        ready.failed(
            MlopsError(
                "The hub failed to start.",
                reason=f"{type(fault).__name__}: {fault}",
                fix="See the hub's log: mlops-jupyter hub logs.",
            )
        )
        return 1
    return 0


def _run(home: Home, lock: HubLock, ready: ReadyLine) -> None:
    port = _wanted_port()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(home, port, lock, ready))


async def _serve(home: Home, port: int | None, lock: HubLock, ready: ReadyLine) -> None:
    from mlops_jupyter.hub.hub import Hub

    hub = Hub(home)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hub.request_stop)
    try:
        said = await hub.start(port)
        _spare_the_collector()
        lock.publish(said)
        ready.runs({**said, "pid": os.getpid()})
        _log.info("the hub runs at %s, process %d", said["url"], os.getpid())
        watch = loop.create_task(_watch_lock(home, lock, hub.request_stop))
        await hub.stop_requested()
        watch.cancel()
        _log.info("the hub stops")
    finally:
        lock.clear()
        await hub.close(GRACE_SECONDS)
    _log.info("the hub has stopped")


def _spare_the_collector() -> None:
    """Leave what the start made out of garbage collection, and collect less often.

    A call makes a dozen objects and no cycles; with the defaults the slowest calls were those that
    waited for a look through everything that was ever imported (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _watch_lock(home: Home, lock: HubLock, stop: Callable[[], None]) -> None:
    """Stop once the state directory is gone: nobody would find this hub any more."""
    while lock.stands(home.lock):
        await asyncio.sleep(LOOK_SECONDS)
    _log.error("the state directory was deleted or replaced")
    stop()


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _wanted_port() -> int | None:
    text = os.environ.get(PORT, "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise InvalidRequest(
        f"{PORT} is not a port.",
        reason="A port is a whole number from 1 to 65535.",
        fix=f"Set {PORT} to a free port, or unset it to let the hub choose.",
        code="invalid_port",
    )


def _log_to(home: Home) -> None:
    """Log to ``logs/hub.log``, rotated; to standard error as well when a person started it."""
    rotating = logging.handlers.RotatingFileHandler(
        home.logs / "hub.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handlers: list[logging.Handler] = [rotating]
    if sys.stderr is not None and sys.stderr.isatty():
        handlers.append(logging.StreamHandler())
    form = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(
        level=logging.INFO, handlers=handlers, format=form, datefmt="%Y-%m-%dT%H:%M:%S"
    )
