"""The hub: gateway, desired state, ledger and workers of one user, assembled into one daemon.

Start at :meth:`Hub.start`. Everything runs in one event loop and one thread; only hashing and
copying of artifacts and reading of the ledger happen in others.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import sys
import time
from collections.abc import Coroutine
from typing import Any

import mlops_jupyter
from mlops_jupyter import access
from mlops_jupyter.audit import AuditQuery, Ledger, open_engine, open_reader
from mlops_jupyter.hub import dataplane, records
from mlops_jupyter.hub.api import Api
from mlops_jupyter.hub.audit_routes import AuditRoutes
from mlops_jupyter.hub.autoscale import autoscale
from mlops_jupyter.hub.catalogue import Catalogue
from mlops_jupyter.hub.endpoint_routes import EndpointRoutes
from mlops_jupyter.hub.endpoints import Endpoints
from mlops_jupyter.hub.event_routes import EventRoutes
from mlops_jupyter.hub.fleet import Fleet
from mlops_jupyter.hub.history import History
from mlops_jupyter.hub.home import Home, local_token
from mlops_jupyter.hub.hub_routes import HubInfo, HubRoutes
from mlops_jupyter.hub.jobs import Jobs
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.pipeline_routes import PipelineRoutes
from mlops_jupyter.hub.state import State
from mlops_jupyter.hub.upkeep import (
    close_orphans,
    environment_days,
    keep_environments,
    keep_ledger,
)
from mlops_jupyter.pipelines import is_pipeline
from mlops_jupyter.serving.gateway import Gateway
from mlops_jupyter.serving.http import HttpServer
from mlops_jupyter.serving.messages import Request, Response
from mlops_jupyter.targets.local import LocalTarget
from mlops_jupyter.types import AuditUnavailable, ModelVersion, Unavailable

HOST = "127.0.0.1"
_PORT_SETTING = "port"

_log = logging.getLogger(__name__)


class Hub:
    """One hub over one state directory: `start`, then `stop_requested`, then `close`."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.url = ""
        self._started_at = time.time()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = contextlib.AsyncExitStack()
        self._grace = 10.0

    async def start(self, port: int | None = None) -> dict[str, Any]:
        """Open everything, listen, and serve what is kept as deployed.

        Returns
        -------
        dict
            ``{port, url, socket, version}``, for those who look for this hub.

        Raises
        ------
        Unavailable
            The port is taken, or the ledger cannot be opened.
        """
        on_close = self._closing
        days = environment_days()
        engine = open_engine(self.home.database)
        on_close.callback(engine.dispose)
        self._ledger = ledger = Ledger.open(engine, self.home.keys)
        on_close.callback(self._close_ledger)
        reader = open_reader(self.home.database)
        on_close.callback(reader.dispose)
        access.metadata.create_all(engine)
        self._state = state = State(engine, reader, ledger)
        tokens = access.Tokens(reader)
        authenticator = access.Authenticator(tokens, local_token(self.home).encode())
        gateway = Gateway(ledger, authenticator, self._control, host_allowed=self._host_allowed)
        on_close.callback(gateway.recorder.flush)
        self._target = target = LocalTarget(self.home.environments, self.home.logs / "workers")
        on_close.push_async_callback(target.close)
        notices = Notices()
        ledger.grown = notices.records
        self._catalogue = catalogue = Catalogue(state, self.home.models, notices)
        fleet = Fleet(self.home, catalogue, target, gateway)
        self.endpoints = Endpoints(state, catalogue, fleet, gateway, notices)
        on_close.push_async_callback(self.endpoints.close, grace=1.0)
        query = AuditQuery(reader)
        close_orphans(ledger, query)
        self.endpoints.restore()
        jobs = Jobs.open(self.home, engine, reader, ledger, notices, target)
        on_close.push_async_callback(jobs.close)
        history = History(time.monotonic())
        events = EventRoutes(notices, self.endpoints.look, self._hello)
        self.api = self._make_api(catalogue, gateway, tokens, query, history, events, jobs)
        self._http = HttpServer(gateway)
        on_close.push_async_callback(self._close_http)
        on_close.callback(events.close)
        await self._listen(port)
        self._record("hub.start", version=mlops_jupyter.__version__, pid=os.getpid())
        on_close.callback(self._record, "hub.stop")
        on_close.push_async_callback(self._end_tasks)
        self._run(autoscale(self.endpoints, history, gateway.since))
        self._run(keep_ledger(ledger))
        self._run(keep_environments(state, catalogue, target, self.home.rebuilt, days))
        for work in jobs.work():
            self._run(work)
        return {
            "port": self._http.port,
            "url": self.url,
            "socket": str(self.home.socket) if self.home.socket else None,
            "version": mlops_jupyter.__version__,
        }

    def request_stop(self) -> None:
        """Ask the hub to stop; safe to call more than once."""
        self._stop.set()

    async def stop_requested(self) -> None:
        """Wait until somebody asks the hub to stop."""
        await self._stop.wait()

    async def close(self, grace: float = 10.0) -> None:
        """Stop listening, finish the calls in hand (`grace` seconds), stop the workers, sign.

        What was opened is closed in reverse, however far the start came.
        """
        self._grace = grace
        await self._closing.aclose()

    # -- parts of start and close -------------------------------------------------------------

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close_http(self) -> None:
        await self._http.close(self._grace)
        if self.home.socket is not None:
            self.home.socket.unlink(missing_ok=True)

    def _close_ledger(self) -> None:
        try:
            self._ledger.close()
        except AuditUnavailable as error:
            _log.warning("the ledger ends without a checkpoint: %s", error)

    async def _listen(self, port: int | None) -> None:
        """Listen on `port`; without one on that of last time, so that URLs stay, or a free one."""
        before = self._state.setting(_PORT_SETTING)
        wanted = [port] if port is not None else [int(before or 0), 0]
        for one in wanted:
            try:
                await self._http.start(HOST, one, self.home.socket)
                break
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES) or one == 0:
                    raise
                if port is not None:
                    raise Unavailable(
                        f"Port {port} cannot be listened on.",
                        reason=f"{os.strerror(error.errno)}: another program has it, "
                        "or it is reserved.",
                        fix="Set MLOPS_JUPYTER_PORT to a free port, or unset it.",
                        code="port_taken",
                    ) from error
        self.url = f"http://{HOST}:{self._http.port}"
        with contextlib.suppress(AuditUnavailable):
            self._state.save_setting(_PORT_SETTING, str(self._http.port))

    def _make_api(
        self,
        catalogue: Catalogue,
        gateway: Gateway,
        tokens: access.Tokens,
        query: AuditQuery,
        history: History,
        events: EventRoutes,
        jobs: Jobs,
    ) -> Api:
        state = self._state
        about = HubRoutes(
            state,
            catalogue,
            tokens,
            describe=self._describe,
            stop=self.request_stop,
            warm=self._warm,
        )
        endpoints = EndpointRoutes(self.endpoints, gateway, history, self.home, lambda: self.url)
        audit = AuditRoutes(self._ledger, query, self.home.database, state)
        api = Api(
            [
                *about.routes(),
                *endpoints.routes(),
                *PipelineRoutes(self.endpoints).routes(),
                *jobs.routes(),
                *audit.routes(),
                *events.routes(),
            ],
            record=state.record,
            port=lambda: self._http.port,
        )
        about.describe_api(api.table.routes, dataplane.paths(), mlops_jupyter.__version__)
        return api

    def _warm(self, version: ModelVersion) -> None:
        """Get the environment of a version ready, if it needs one."""
        if not is_pipeline(version):
            self._target.warm(version, self._catalogue.path(version))

    async def _control(self, request: Request) -> Response:
        return await self.api(request)

    def _host_allowed(self, host: bytes) -> bool:
        return access.allowed(host, self._http.port)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def _record(self, action: str, **detail: Any) -> None:
        try:
            self._state.record(records.system(action, **detail))
        except AuditUnavailable as error:
            # a full disk must neither keep the hub from starting nor from stopping
            _log.warning("%s is not recorded: %s", action, error)

    def _hello(self) -> dict[str, Any]:
        return {"event": "hello", "version": mlops_jupyter.__version__, "size": self._ledger.size}

    async def _describe(self) -> HubInfo:
        ledger = self._ledger.status()
        return HubInfo(
            version=mlops_jupyter.__version__,
            pid=os.getpid(),
            started_at=self._started_at,
            url=self.url,
            socket=str(self.home.socket) if self.home.socket else None,
            home=str(self.home.root),
            ledger=ledger,
            endpoints=len(self.endpoints.names()),
            python=sys.executable,
            gpus=await asyncio.to_thread(self._target.gpus),
        )
