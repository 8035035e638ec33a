"""Chromium in a thread of its own, so that no event loop of another test is in its way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

T = TypeVar("T")
WAIT_MS = 10_000
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserThread:
    """Does what it is given, in the one thread in which the browser may be used."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="browser")
        self._playwright: Playwright | None = None
        self.browser: Browser | None = None

    def run(self, action: Callable[..., T], *values: Any, **named: Any) -> T:
        """What `action` returns or raises."""
        return self._pool.submit(action, *values, **named).result()

    def open(self) -> None:
        """Start the browser."""
        self._playwright = sync_playwright().start()
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.browser = self._playwright.chromium.launch(
            executable_path=self._path, args=[*FLAGS, *sandbox]
        )

    def close(self) -> None:
        """End the browser."""
        if self.browser is not None:
            self.browser.close()
        if self._playwright is not None:
            self._playwright.stop()

    def context(self, **options: Any) -> BrowserContext:
        """A browser without memory of the others."""
        assert self.browser is not None
        context = self.browser.new_context(**options)
        context.set_default_timeout(WAIT_MS)
        return context


@contextlib.contextmanager
def browser_thread(path: str) -> Iterator[BrowserThread]:
    """A thread with an open browser."""
    thread = BrowserThread(path)
    try:
        thread.run(thread.open)
        yield thread
    finally:
        thread.run(thread.close)
        thread._pool.shutdown()
