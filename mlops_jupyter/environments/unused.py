"""Environments that nobody uses any more: a folder a digest, each with a lock file beside it."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from mlops_jupyter.environments.locking import try_lock

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
        with (root / f"{digest}.lock").open("w") as lock, contextlib.suppress(OSError):
            if try_lock(lock) and folder.stat().st_mtime < oldest:
                # first out of the way: what is half deleted must not look like one
                rubbish = root / f".{digest}.building"
                folder.rename(rubbish)
                gone.append(digest)
                shutil.rmtree(rubbish)
    return gone
