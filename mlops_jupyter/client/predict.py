"""Asking an endpoint for the predictions of any amount of data.

The data goes in parts, a few of them on the way at a time, and the answers are joined in order.
Rows are answered independently of the part they are in; a model for which that is not so (one that
looks at its whole input) has to be given data that fits into one part.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

from mlops_jupyter.client.connection import Connection
from mlops_jupyter.client.inputs import Batch, Declared, read_data
from mlops_jupyter.client.rebuild import Answer, join, read_answer
from mlops_jupyter.types import InvalidRequest, MlopsError, Overloaded, TooLarge, check_name

PART_ROWS = 4096
PART_BYTES = 4 * 1024 * 1024
IN_FLIGHT = 4
PATIENCE_SECONDS = 60.0
"""How long a part that found the endpoint's queue full is offered again."""

HEADER_LENGTH = "Inference-Header-Content-Length"


def predict(
    connection: Connection,
    name: str,
    data: Any,
    *,
    version: int | None = None,
    params: Mapping[str, Any] | None = None,
    on_part: Callable[[int, int], object] | None = None,
) -> Any:
    """Return what the model returns for `data`.

    Parameters
    ----------
    data
        DataFrame, Series, numpy array, dict of columns, list of rows or values, or a scalar.
    version
        One version behind the endpoint; default by the endpoint's traffic.
    params
        The model's own parameters, as its signature has them.
    on_part
        Called in this thread after each part, with how many rows are answered and how many there
        are; what it raises ends the prediction.

    Raises
    ------
    MlopsError
        The hub's error; for data in several parts its reason says which rows were concerned.
    """
    path = f"/v2/models/{check_name(name, 'endpoint name')}"
    if version is not None:
        path += f"/versions/{int(version)}"
    described = connection.request("GET", path).json()
    batch = read_data(data, [Declared.read(entry) for entry in described["inputs"]])
    caller = _Caller(connection, f"{path}/infer", batch, dict(params or {}))
    rows = _part_rows(batch)
    answers: list[Answer] = []
    done = 0
    with closing(_in_order(caller, batch.rows, rows)) as parts:
        for part in parts:
            answers += part
            done += sum(answer.rows for answer in part)
            if on_part is not None:
                on_part(done, batch.rows)
    return join(answers, batch)


def _part_rows(batch: Batch) -> int:
    row_bytes = sum(column.row_bytes for column in batch.columns)
    return max(1, min(PART_ROWS, int(PART_BYTES / max(1.0, row_bytes))))


def _in_order(caller: _Caller, rows: int, step: int) -> Generator[list[Answer], None, None]:
    """Answers of all parts in order, with at most `IN_FLIGHT` asked for ahead."""
    if rows <= step:
        yield caller.ask(0, rows)
        return
    starts = iter(range(0, rows, step))
    waiting: deque[Future[list[Answer]]] = deque()
    with ThreadPoolExecutor(IN_FLIGHT, "mlops-jupyter-predict") as threads:
        try:
            for start in starts:
                waiting.append(threads.submit(caller.ask_part, start, min(start + step, rows)))
                if len(waiting) == IN_FLIGHT:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # also when one failed or the user interrupts: what is not yet sent is not sent
            caller.stop()
            for future in waiting:
                future.cancel()


class _Caller:
    """Sends ranges of rows of one batch."""

    def __init__(
        self, connection: Connection, path: str, batch: Batch, params: dict[str, Any]
    ) -> None:
        self._connection = connection
        self._path = path
        self._batch = batch
        self._parameters = {**params, "binary_data_output": True}
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Do not wait for a free queue any more."""
        self._stopped.set()

    def ask_part(self, start: int, stop: int) -> list[Answer]:
        """As :meth:`ask`, patient with a full queue, and telling the rows of a failure."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.ask(start, stop)
            except Overloaded as error:
                left = deadline - time.monotonic()
                if left <= 0 or self._stopped.wait(min(left, max(0.1, error.retry_after))):
                    raise
            except MlopsError as error:
                rows = f"It happened in rows {start} to {stop - 1} of {self._batch.rows}."
                error.reason = f"{error.reason} {rows}".strip()
                raise

    def ask(self, start: int, stop: int) -> list[Answer]:
        """The answers for rows from `start` up to `stop`; too much for the hub goes in halves."""
        try:
            return [self._send(start, stop)]
        except TooLarge:
            if stop - start < 2:
                raise
        middle = (start + stop) // 2
        return self.ask(start, middle) + self.ask(middle, stop)

    def _encode(self, start: int, stop: int) -> tuple[bytes, int | None]:
        """Body, and its JSON part's length when binary data follows."""
        described, tail = [], []
        for column in self._batch.columns:
            header, data = column.encode(start, stop)
            described.append(header)
            if data is not None:
                tail.append(data)
        document = {"parameters": self._parameters, "inputs": described}
        try:
            head = json.dumps(document, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise InvalidRequest(
                "The params cannot be sent.",
                reason="They hold something that JSON does not have.",
                fix="Use texts, numbers, booleans and lists of them.",
                code="cannot_be_sent",
            ) from error
        return b"".join((head, *tail)), len(head) if tail else None

    def _send(self, start: int, stop: int) -> Answer:
        body, header_length = self._encode(start, stop)
        headers = {"Content-Type": "application/json"}
        if header_length is not None:
            headers = {
                "Content-Type": "application/octet-stream",
                HEADER_LENGTH: str(header_length),
            }
        response = self._connection.request(
            "POST", self._path, content=body, headers=headers, repeatable=False
        )
        return read_answer(response.content, response.headers.get(HEADER_LENGTH), stop - start)
