"""Telling a URL that a run has ended: signed, repeated for a while, in nobody's way.

The signature is that of GitHub's and MLflow's webhooks: HMAC-SHA256 over the exact body, here with
its time before it, so that an old message cannot be sent again (as the Standard Webhooks do).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mlops_jupyter.hub.run_store import summary
from mlops_jupyter.types import InvalidRequest, RunStatus

SECONDS = 10.0
PAUSES = (1.0, 10.0, 60.0)
"""Pauses before a message is sent again."""

SIGNATURE = "X-Mlops-Signature"
TIMESTAMP = "X-Mlops-Timestamp"
_MOST_WAITING = 1000

_log = logging.getLogger(__name__)


def check_url(url: str) -> str:
    """Return `url` if a message can be sent to it, else raise InvalidRequest."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= 2048
    except ValueError:
        good = False
    if not good:
        raise InvalidRequest(
            "The address to notify is not one.",
            reason="It must be an http or https URL.",
            fix="Write e.g. https://chat.example.org/hooks/runs.",
            code="invalid_notify",
        )
    return url


def sign(key: bytes, at: int, body: bytes) -> str:
    """The signature of a body that is sent at `at` (epoch seconds): ``sha256=<hex>``."""
    return "sha256=" + hmac.new(key, b"%d." % at + body, hashlib.sha256).hexdigest()


def message(run: RunStatus) -> bytes:
    """The body: the run as a list shows it, without names of secrets."""
    plain = msgspec.to_builtins(summary(run))
    plain["spec"].pop("secrets", None)
    plain["spec"].pop("environment", None)
    return msgspec.json.encode({"event": "run.ended", "run": plain})


class Webhooks:
    """Sends messages; `key_file` holds the key that they are signed with, made when first used."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def run_ended(self, run: RunStatus) -> None:
        """Tell whoever the run names; returns at once."""
        if not run.spec.notify:
            return
        if len(self._tasks) >= _MOST_WAITING:
            _log.warning("run %s: too many messages wait; this one is not sent", run.id)
            return
        task = asyncio.get_running_loop().create_task(self._send(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what has not been sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def key(self) -> bytes:
        """The key, made on first use and readable by its owner only."""
        # the first messages may be several at once
        with self._lock:
            if not self._key_file.exists():
                self._key_file.touch(mode=0o600)
                self._key_file.write_text(secrets.token_hex(32) + "\n")
            return self._key_file.read_bytes().strip()

    async def _send(self, run: RunStatus) -> None:
        import httpx

        body, url = message(run), run.spec.notify
        key = await asyncio.to_thread(self.key)
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            for pause in (0.0, *PAUSES):
                await asyncio.sleep(pause)
                at = int(time.time())
                headers = {
                    "Content-Type": "application/json",
                    TIMESTAMP: str(at),
                    SIGNATURE: sign(key, at, body),
                }
                try:
                    response = await client.post(url, content=body, headers=headers)
                except httpx.HTTPError as error:
                    said = type(error).__name__
                else:
                    if response.status_code < 300:
                        return
                    said = f"status {response.status_code}"
                    if response.status_code < 500 and response.status_code != 429:
                        break
                _log.info("run %s: its message was not taken: %s", run.id, said)
        _log.warning("run %s: %s did not take its message", run.id, urlsplit(url).hostname)
