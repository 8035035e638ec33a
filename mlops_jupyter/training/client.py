"""Sends cells to a kernel and takes in what they put out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from nbclient import NotebookClient
from nbformat import from_dict

from mlops_jupyter.training.artifacts import Artifacts
from mlops_jupyter.training.kernel import Kernel
from mlops_jupyter.training.masking import Mask, StreamMask
from mlops_jupyter.training.outputs import (
    OUR_MIME,
    Budget,
    LastLine,
    Log,
    joined,
    overwritten,
)

Tell = Callable[[Mapping[str, Any]], None]
"""Takes an event."""

MAX_SAID_BYTES = 1 << 16
"""Longest metric, fact or description of data that a cell can make an event of."""

_SAID = {f"{OUR_MIME}{kind}+json": kind for kind in ("metric", "data", "fact")}
_ARTIFACT = f"{OUR_MIME}artifact+json"
_IOPUB_SECONDS = 30


class Client(NotebookClient):
    """nbclient's, with masked and bounded outputs that are also written to `logs` and told."""

    def __init__(
        self,
        notebook: Any,
        kernel: Kernel,
        channels: Any,
        mask: Mask,
        logs: Mapping[str, Log],
        artifacts: Artifacts,
        tell: Tell,
    ) -> None:
        super().__init__(
            notebook,
            km=kernel.manager,
            iopub_timeout=_IOPUB_SECONDS,
            # a kernel that loses its last message has not failed
            raise_on_iopub_timeout=False,
        )
        self.kc = channels
        self._mask = mask
        self._logs = logs
        self._artifacts = artifacts
        self._tell = tell
        self._index = 0
        self._begin_cell()

    async def run_cell(self, cell: Any, cell_index: int) -> None:
        """Execute a cell; raises `CellExecutionError` or `DeadKernelError`."""
        self._index = cell_index
        self._begin_cell()
        await self.async_execute_cell(cell, cell_index)

    def end_cell(self) -> None:
        """Let out what was held back; nothing more is expected of the cell."""
        cell = self.nb.cells[self._index]
        for name, stream in self._streams.items():
            self._show(cell.outputs, name, stream.flush(), self._index)
        self._line.flush()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take in one message of the kernel."""
        if msg["msg_type"] != "stream":
            content = {key: self._mask.deep(value) for key, value in msg["content"].items()}
            msg = {**msg, "content": content}
        if msg["msg_type"] in ("display_data", "execute_result", "update_display_data"):
            self._hear(msg["content"].get("data", {}))
        if msg["msg_type"] == "update_display_data" and not self._budget.fits(msg["content"]):
            return None
        if msg["msg_type"] == "clear_output":
            self._budget.reset()
        return super().process_message(msg, cell, cell_index)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: Any, cell_index: int) -> Any:
        """Keep one output, or what there is room for."""
        if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
            return super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream":
            name, text = msg["content"]["name"], msg["content"]["text"]
            self._show(outs, name, self._streams[name].feed(text), cell_index)
            return None
        if self._budget.fits(msg["content"]) or msg["msg_type"] == "error":
            return super().output(outs, msg, display_id, cell_index)
        self._cut(outs)
        return None

    def _begin_cell(self) -> None:
        self._budget = Budget()
        self._streams = {name: StreamMask(self._mask) for name in ("stdout", "stderr")}
        later = asyncio.get_running_loop().call_later
        self._line = LastLine(self._tell_line, later, time.monotonic)

    def _show(self, outs: list[Any], name: str, text: str, cell_index: int) -> None:
        """Keep text that was printed, in the log, as the last line, and in the notebook."""
        if not text:
            return
        self._logs[name].write(text)
        self._line.see(name, text)
        if self.clear_before_next_output:
            outs.clear()
            self.clear_display_id_mapping(cell_index)
            self.clear_before_next_output = False
        part = self._budget.part(text)
        if part and not joined(outs, name, part):
            outs.append(_printed(name, overwritten(part)))
        if len(part) < len(text):
            self._cut(outs)

    def _cut(self, outs: list[Any]) -> None:
        note = self._budget.note()
        if note:
            outs.append(_printed("stderr", note))

    def _hear(self, data: Mapping[str, Any]) -> None:
        """Make events of the outputs that are meant for us."""
        for kind in data.keys() & _SAID.keys():
            said = data[kind]
            if isinstance(said, dict) and len(json.dumps(said)) <= MAX_SAID_BYTES:
                self._tell({**said, "event": _SAID[kind]})
        if isinstance(named := data.get(_ARTIFACT), dict):
            self._artifacts.hear(named)

    def _tell_line(self, stream: str, line: str) -> None:
        self._tell({"event": "line", "index": self._index, "stream": stream, "line": line})


def _printed(name: str, text: str) -> Any:
    printed = {"output_type": "stream", "name": name, "text": text}
    return from_dict(printed)  # type: ignore[no-untyped-call]
