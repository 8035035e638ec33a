"""Chromium in a thread of its own, so that no event loop of another test is in its way."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

T = TypeVar("T")
WAIT_MS = 15_000
SIZE = {"width": 1280, "height": 900}
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserThread:
    """Does what it is given, in the one thread in which the browser may be used.

    All pages share one profile: it keeps JupyterLab's compiled scripts, which halves the work of
    opening a page. What a page may leave behind is little: the layout is reset by the address.
    """

    def __init__(self, path: str, profile: str) -> None:
        self._path = path
        self._profile = profile
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self._playwright: Playwright | None = None
        self._context: BrowserContext | None = None

    def run(self, action: Callable[..., T], *values: Any, **named: Any) -> T:
        """What `action` returns or raises."""
        return self._pool.submit(action, *values, **named).result()

    def open(self) -> None:
        """Start the browser."""
        self._playwright = sync_playwright().start()
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self._context = self._playwright.chromium.launch_persistent_context(
            self._profile, executable_path=self._path, args=[*FLAGS, *sandbox], viewport=SIZE
        )
        self._context.set_default_timeout(WAIT_MS)

    def close(self) -> None:
        """End the browser."""
        if self._context is not None:
            self._context.close()
        if self._playwright is not None:
            self._playwright.stop()

    def page(self) -> Page:
        """A new tab."""
        assert self._context is not None
        return self._context.new_page()

    def end(self) -> None:
        """Wait until nothing is to be done any more."""
        self._pool.shutdown()


@contextlib.contextmanager
def browser_thread(path: str) -> Iterator[BrowserThread]:
    """A thread with an open browser."""
    with tempfile.TemporaryDirectory(prefix="mj-profile-", ignore_cleanup_errors=True) as profile:
        thread = BrowserThread(path, profile)
        try:
            thread.run(thread.open)
            yield thread
        finally:
            thread.run(thread.close)
            thread.end()
