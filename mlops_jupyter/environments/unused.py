"""Environments that nobody uses any more: a folder a digest, each with a lock file beside it."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_DIGEST = re.compile(r"[0-9a-f]{64}")


def collect(root: Path, kept: Iterable[str], unused_seconds: float) -> list[str]:
    """Delete environments that nothing needs and that were not used for so long; blocks.

    When one was used last is the time of its folder's last change, which its users set.

    Parameters
    ----------
    root
        Folder of ``<digest>`` and ``<digest>.lock``.
    kept
        Digests that are needed.

    Returns
    -------
    list of str
        The digests that are gone.
    """
    needed, gone = set(kept), []
    oldest = time.time() - unused_seconds
    for folder in sorted(root.glob("*")):
        digest = folder.name
        if not _DIGEST.fullmatch(digest) or digest in needed:
            continue
        with _free(root / f"{digest}.lock") as free, contextlib.suppress(OSError):
            if free and folder.stat().st_mtime < oldest:
                # first out of the way: what is half deleted must not look like one
                rubbish = root / f".{digest}.building"
                folder.rename(rubbish)
                gone.append(digest)
                shutil.rmtree(rubbish)
    return gone


@contextlib.contextmanager
def _free(path: Path) -> Iterator[bool]:
    """Hold a lock file unless somebody else does; says whether it is held."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
