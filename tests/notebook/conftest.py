"""Real kernels to run cells in, with a state directory of their own."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from jupyter_client.manager import start_new_kernel

from tests.conftest import state_directory

CELL_SECONDS = 120


class Kernel:
    """A kernel and its client; a cell's outputs come back as a saved notebook would hold them."""

    def __init__(self, manager, client):
        self.manager = manager
        self.client = client

    def run(self, code):
        """Run a cell and return its outputs, display updates applied, clean ones in order."""
        request = self.client.execute(code, store_history=True)
        outputs, displays = [], {}
        while True:
            message = self.client.get_iopub_msg(timeout=CELL_SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind == "update_display_data":
                # an earlier cell's picture may still follow its run
                displays.get(content["transient"]["display_id"], {})["data"] = content["data"]
            elif kind in ("display_data", "execute_result", "error", "stream"):
                output = {"type": kind, **content}
                outputs.append(output)
                if key := content.get("transient", {}).get("display_id"):
                    displays[key] = output
        self.client.get_shell_msg(timeout=CELL_SECONDS)
        return outputs

    def text(self, code):
        """Run a cell that must not fail and return its outputs as one text."""
        outputs = self.run(code)
        errors = [output for output in outputs if output["type"] == "error"]
        assert not errors, errors[0]["evalue"]
        return "\n".join(
            output["text"] if output["type"] == "stream" else output["data"]["text/plain"]
            for output in outputs
        )

    def complete(self, code):
        """What a front end gets for the Tab key at the end of `code`: the code's replacements."""
        request = self.client.complete(code, len(code))
        while True:
            message = self.client.get_shell_msg(timeout=CELL_SECONDS)
            if message["parent_header"].get("msg_id") == request:
                break
        content = message["content"]
        start = content["cursor_start"]
        return [code[:start] + match for match in content["matches"]]

    def restart(self):
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=CELL_SECONDS)

    def drain(self):
        try:
            while True:
                self.client.get_iopub_msg(timeout=0)
        except queue.Empty:
            pass


@contextmanager
def running_kernel():
    manager, client = start_new_kernel(kernel_name="python3", env=dict(os.environ))
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with state_directory(), running_kernel() as running:
        running.text("%load_ext mlops_jupyter")
        yield running
