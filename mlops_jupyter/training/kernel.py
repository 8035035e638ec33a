"""The kernel that a run's cells are executed in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from mlops_jupyter.training.kernelspec import find_kernel
from mlops_jupyter.training.processes import die_with_parent
from mlops_jupyter.types import InvalidRequest, MlopsError

START_SECONDS = 60.0
SHUTDOWN_SECONDS = 10.0
"""How long a kernel may take to end by itself, for what it has to flush."""

_POLL_SECONDS = 0.02
# languages whose kernels are known to take Unix sockets, which unlike ports nobody else can grab
# between their choice and their use
_UNIX_SOCKETS = ("python", "R")
# the system allows 104 bytes or so, of which we add a few
_MAX_SOCKET_PATH = 85


class KernelNotStarted(MlopsError):
    """The kernel's process could not be started, or ended before it answered."""

    code = "kernel_not_started"


class Kernel:
    """One kernel process, not yet started.

    Parameters
    ----------
    name
        Name of a kernelspec.
    folder
        Its working directory.
    environment
        All of its environment variables.
    channels
        A folder with a short path for its sockets and connection file.

    Raises
    ------
    InvalidRequest
        `unknown_kernel`, with the names that are known, or `no_folder`.
    """

    def __init__(
        self, name: str, folder: str, environment: Mapping[str, str], channels: Path
    ) -> None:
        spec = find_kernel(name)
        if not Path(folder).is_dir():
            raise InvalidRequest(
                f"The run's working directory {folder} is not there.",
                fix="Make it, or start the run in another folder.",
                code="no_folder",
            )
        self.name = name
        self.display_name = spec.display_name
        self.language = spec.language
        self.language_info: dict[str, Any] = {"name": spec.language}
        self._folder = folder
        self._given_up = False
        self._client: Any = None
        self._environment = environment
        short = len(os.fsencode(channels)) <= _MAX_SOCKET_PATH
        transport = "ipc" if spec.language in _UNIX_SOCKETS and short else "tcp"
        address = {"ip": str(channels / "socket")} if transport == "ipc" else {}
        self.manager = AsyncKernelManager(
            kernel_name=name,
            transport=transport,
            connection_file=str(channels / "kernel.json"),
            **address,
        )

    @property
    def pid(self) -> int | None:
        """Its process; None before the start."""
        return getattr(self.manager.provisioner, "pid", None)

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        process = getattr(self.manager.provisioner, "process", None)
        return None if process is None else process.poll()

    async def start(self) -> None:
        """Start the process; it is not ready yet. Raises `MlopsError` where it cannot be run."""
        parent = os.getpid()
        # history would be written to the owner's, where many runs at once lock each other out
        quiet = ["--HistoryManager.hist_file=:memory:"] if self.manager.ipykernel else []
        try:
            await self.manager.start_kernel(
                env=dict(self._environment),
                cwd=self._folder,
                extra_arguments=quiet,
                preexec_fn=lambda: die_with_parent(parent),
            )
        except OSError as error:
            raise KernelNotStarted(
                f"The kernel {self.name!r} cannot be started.",
                reason=f"{error.strerror or error}: {error.filename}",
                fix="Install the kernel anew: its kernelspec names a program that is not there.",
            ) from None

    async def ready(self) -> Any:
        """A client of the kernel, once it answers; raises `KernelNotStarted` if it does not."""
        client = self.manager.client()
        client.start_channels(hb=False)
        client.allow_stdin = False
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            client.kernel_info()
            with contextlib.suppress(Empty):
                reply = await client.shell_channel.get_msg(timeout=1)
                # the first message on the other channel shows that no output will be missed
                await client.iopub_channel.get_msg(timeout=0.5)
                if reply["msg_type"] == "kernel_info_reply":
                    self.language_info = reply["content"].get("language_info", self.language_info)
                    self._client = client
                    return client
            if self.returncode is not None:
                raise KernelNotStarted(f"The kernel {self.name!r} ended before it answered.")
        raise KernelNotStarted(
            f"The kernel {self.name!r} did not answer within {START_SECONDS:g} s.",
            fix="Look for the cause in the run's executor.log.",
        )

    async def interrupt(self) -> None:
        """Interrupt what it does, in the way that its kernelspec asks for."""
        with contextlib.suppress(RuntimeError, OSError):
            await self.manager.interrupt_kernel()

    async def terminate(self, seconds: float) -> None:
        """Ask the process to end, wait for it for at most `seconds`, and give it up."""
        self._given_up = True
        provisioner = self.manager.provisioner
        if provisioner is not None:
            with contextlib.suppress(OSError):
                await provisioner.terminate()
        await self._ended(seconds)

    async def stop(self) -> None:
        """Let the kernel end by itself; one that does not is left to whoever supervises."""
        if self.pid is None or self.returncode is not None or self._given_up:
            return
        with contextlib.suppress(RuntimeError, OSError):
            if self._client is not None and self.manager.ipykernel:
                # on its control channel, ipykernel 7 hangs in one of some forty shutdowns: the
                # control thread waits for an output thread that the main thread has ended
                request = self._client.session.msg("shutdown_request", {"restart": False})
                self._client.shell_channel.send(request)
            else:
                await self.manager.request_shutdown()
        await self._ended(SHUTDOWN_SECONDS)

    async def _ended(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.returncode is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
