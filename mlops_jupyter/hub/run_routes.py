"""Routes on runs and on the notebooks that they execute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec

from mlops_jupyter.hub.reruns import Reruns
from mlops_jupyter.hub.routes import Call, Route
from mlops_jupyter.hub.run_log import read_part
from mlops_jupyter.hub.run_store import RunFilter
from mlops_jupyter.hub.runs import Runs
from mlops_jupyter.hub.submission import described, prepare, read_notebook
from mlops_jupyter.hub.webhooks import check_url
from mlops_jupyter.serving.messages import Response
from mlops_jupyter.training.compare import TOLERANCE
from mlops_jupyter.types import (
    InvalidRequest,
    NotFound,
    Resources,
    RunSpec,
    RunStatus,
    Trigger,
)

MAX_WAIT_SECONDS = 3600.0
MAX_PAGE = 10_000
HTML_SECONDS = 30.0
"""The page of a run is waited for until so long after its end."""

HTML_LOOK_SECONDS = 0.1
_HTML = "text/html; charset=utf-8"
_NOTEBOOK = "application/x-ipynb+json"
_BYTES = "application/octet-stream"
_PART_BYTES = 1 << 20
_SANDBOX = "sandbox; style-src 'unsafe-inline'; img-src data:; font-src data:"
"""For what a notebook put out: it may look like something, and do nothing."""


class RunBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A notebook to run, and how.

    `parameters` are values, `texts` what somebody typed; `values` are secrets whose references
    were resolved by the client, and are never written anywhere.
    """

    notebook: str
    parameters: dict[str, Any] = {}
    texts: dict[str, str] = {}
    secrets: dict[str, str] = {}
    values: dict[str, str] = {}
    environment: dict[str, str] = {}
    kernel: str = ""
    folder: str = ""
    output: str | None = None
    resources: Resources = Resources()
    cell_seconds: float | None = None
    run_seconds: float | None = None
    retries: int = 0
    backoff_seconds: float = 10.0
    notify: str = ""

    def spec(self) -> RunSpec:
        """The run that is asked for, its notebook not yet read."""
        return RunSpec(
            notebook=self.notebook,
            folder=self.folder,
            kernel=self.kernel,
            parameters=self.parameters,
            secrets=self.secrets,
            environment=self.environment,
            output=self.output,
            resources=self.resources,
            cell_seconds=self.cell_seconds,
            run_seconds=self.run_seconds,
            retries=self.retries,
            backoff_seconds=self.backoff_seconds,
            trigger=Trigger("hand"),
            notify=check_url(self.notify) if self.notify else "",
        )


class RunPage(msgspec.Struct):
    """Runs, newest first, without their cells and records; `next` is the next page's cursor."""

    runs: list[RunStatus]
    next: str | None


class WaitQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Seconds to wait until the run has ended."""

    wait: float = 0.0


class LogQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which stream, and which bytes of it.

    A negative `offset` asks for that many bytes before the end, or before byte `before`, from the
    beginning of a line on.
    """

    stream: str = "stdout"
    offset: int = 0
    before: int | None = None


class LogPart(msgspec.Struct):
    """A part of a run's output: bytes `start` to `next`, the offset to go on from."""

    text: str
    start: int
    next: int
    ended: bool


class RerunBody(msgspec.Struct, forbid_unknown_fields=True):
    """A kernelspec to use instead of the recorded environment."""

    kernel: str = ""


class CompareQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Relative difference up to which two numbers are the same."""

    tolerance: float = TOLERANCE


class NotebookQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The absolute path of a notebook."""

    path: str


class RunRoutes:
    """Handlers of the routes on runs."""

    def __init__(self, runs: Runs, reruns: Reruns) -> None:
        self._runs = runs
        self._reruns = reruns

    def routes(self) -> list[Route]:
        """The table's part."""
        one = "/runs/{id}"
        return [
            Route(
                "GET", "/runs", "read", "Runs, newest first.", self._page, RunPage,
                query=RunFilter, errors=(400,),
            ),
            Route(
                "POST", "/runs", "run", "Run a notebook.", self._submit, RunStatus, status=201,
                query=WaitQuery, body=RunBody, errors=(400, 404, 413, 503), changes=True,
            ),
            Route(
                "GET", one, "read", "One run with its cells and record.", self._show, RunStatus,
                query=WaitQuery, errors=(404,),
            ),
            Route(
                "POST", f"{one}/cancel", "run", "End a run.", self._cancel, RunStatus,
                query=WaitQuery, errors=(404, 409, 503), changes=True,
            ),
            Route(
                "POST", f"{one}/rerun", "run", "Run it again from its record, and compare.",
                self._rerun, RunStatus, status=201, body=RerunBody,
                errors=(400, 404, 409, 503), changes=True,
            ),
            Route(
                "GET", f"{one}/compare/{{other}}", "read", "How a run compares with another.",
                self._compare, dict[str, Any], query=CompareQuery, errors=(400, 404),
            ),
            Route(
                "GET", f"{one}/log", "read", "What the kernel printed.", self._log, LogPart,
                query=LogQuery, errors=(400, 404),
            ),
            Route(
                "GET", f"{one}/input", "read", "The notebook as it was accepted.",
                self._file("input", _NOTEBOOK), _NOTEBOOK, errors=(404,),
            ),
            Route(
                "GET", f"{one}/output", "read", "The executed notebook, as far as it came.",
                self._file("output", _NOTEBOOK), _NOTEBOOK, errors=(404,),
            ),
            Route(
                "GET", f"{one}/html", "read", "The executed notebook as a page.",
                self._html, _HTML, errors=(404,),
            ),
            Route(
                "GET", f"{one}/artifacts/{{name}}", "read", "A file that the run has kept.",
                self._artifact, _BYTES, errors=(404,),
            ),
            Route(
                "GET", "/notebook", "read", "A notebook's kernel and parameters.",
                self._notebook, dict[str, Any], query=NotebookQuery, errors=(400, 404, 413),
            ),
        ]  # fmt: skip

    async def _page(self, call: Call) -> Any:
        wanted: RunFilter = call.query
        if not 1 <= wanted.limit <= MAX_PAGE:
            raise InvalidRequest(
                f"A page cannot have {wanted.limit} runs.",
                fix=f"Ask for 1 to {MAX_PAGE}.",
                code="invalid_query",
            )
        cursor = wanted.before
        if cursor is not None and not _is_cursor(cursor):
            raise InvalidRequest(
                "The cursor is not one of a page of runs.",
                fix="Use 'next' of the page before.",
                code="invalid_query",
            )
        runs, following = self._runs.page(wanted)
        return {"runs": runs, "next": following}

    async def _submit(self, call: Call) -> Any:
        body: RunBody = call.body
        wait = _checked(call.query.wait)
        prepared = await asyncio.to_thread(prepare, body.spec(), body.texts)
        status = self._runs.submit(
            prepared.spec, prepared.copy, call.caller, values=body.values, record=prepared.record
        )
        return await self._until_ended(status.id, wait)

    async def _show(self, call: Call) -> Any:
        return await self._until_ended(call.path["id"], _checked(call.query.wait))

    async def _cancel(self, call: Call) -> Any:
        wait = _checked(call.query.wait)
        status = self._runs.cancel(call.path["id"], call.caller)
        return await self._until_ended(status.id, wait)

    async def _rerun(self, call: Call) -> Any:
        return await self._reruns.rerun(call.path["id"], call.body.kernel, call.caller)

    async def _compare(self, call: Call) -> Any:
        tolerance = call.query.tolerance
        if not 0 <= tolerance < 1:
            raise InvalidRequest(
                "The tolerance must be 0 or more and less than 1.", code="invalid_query"
            )
        verdict = await self._reruns.compared(call.path["id"], call.path["other"], tolerance)
        return verdict.to_dict()

    async def _log(self, call: Call) -> Any:
        asked: LogQuery = call.query
        if asked.stream not in ("stdout", "stderr") or (asked.before or 0) < 0:
            raise InvalidRequest(
                "A run has no such output.",
                fix="Ask for stream=stdout or stream=stderr, and for bytes that there can be.",
                code="invalid_query",
            )
        status = self._runs.get(call.path["id"])
        path = self._runs.log(status.id, asked.stream)
        start, data = await asyncio.to_thread(read_part, path, asked.offset, asked.before)
        text = data.decode("utf-8", "replace")
        return LogPart(text, start, start + len(data), status.ended)

    async def _html(self, call: Call) -> Any:
        status = self._runs.get(call.path["id"])
        folder = self._runs.folder(status.id)
        # the page is made after the verdict, by a process that the run does not wait for
        latest = (status.ended_at or 0) + HTML_SECONDS
        while folder.output.exists() and not folder.html.exists() and time.time() < latest:
            await asyncio.sleep(HTML_LOOK_SECONDS)
        return await self._file("html", _HTML)(call)

    def _file(self, name: str, media: str) -> Callable[[Call], Any]:
        async def answer(call: Call) -> Response:
            path: Path = getattr(self._runs.folder(call.path["id"]), name)
            try:
                data = await asyncio.to_thread(path.read_bytes)
            except OSError:
                raise NotFound(
                    "The run has no such file.",
                    reason="It has not been written yet, or the run never got that far.",
                    fix="Look again when the run has ended.",
                    code="no_such_file",
                ) from None
            # what a notebook shows must not act as a page of the hub's own
            return Response(200, data, media, (("Content-Security-Policy", _SANDBOX),))

        return answer

    async def _artifact(self, call: Call) -> Response:
        path = self._runs.artifact(call.path["id"], call.path["name"])
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except OSError:
            raise NotFound(
                "The artifact is not there any more.",
                reason="The run's folder was removed.",
                code="no_such_file",
            ) from None
        name = quote(call.path["name"].rpartition("/")[2])
        headers = (
            ("Content-Disposition", f"attachment; filename*=UTF-8''{name}"),
            ("Content-Security-Policy", _SANDBOX),
        )
        return Response(200, _parts(file), _BYTES, headers)

    async def _notebook(self, call: Call) -> Any:
        notebook = await asyncio.to_thread(read_notebook, call.query.path)
        return described(notebook)

    async def _until_ended(self, run: str, wait: float) -> RunStatus:
        deadline = time.monotonic() + wait
        while not (status := self._runs.get(run)).ended and time.monotonic() < deadline:
            await self._runs.changed(deadline - time.monotonic())
        return status


async def _parts(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while part := await asyncio.to_thread(file.read, _PART_BYTES):
            yield part


def _checked(wait: float) -> float:
    if not 0 <= wait <= MAX_WAIT_SECONDS:
        raise InvalidRequest(
            "The query string does not fit.",
            reason=f"'wait' must be from 0 to {MAX_WAIT_SECONDS:.0f} seconds.",
            code="invalid_query",
        )
    return wait


def _is_cursor(text: str) -> bool:
    at, dash, name = text.partition("-")
    return bool(dash and at.isdecimal() and at.isascii() and len(at) < 19 and name.isalnum())
