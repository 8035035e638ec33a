"""Makes executed notebooks into HTML, after the verdict and one at a time.

``python -m mlops_jupyter.training.html RUN_FOLDER``. Importing nbconvert takes longer than most of
its work, so whoever comes first does it for all that wait, and the others end at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_jupyter.training.folder import RunFolder, write_atomically

_WAITS = "html.waits"
_LOCK = ".html.lock"


def main() -> int:
    """Render the run in the folder that is the only argument, and those that wait beside it."""
    folder = Path(sys.argv[1]).absolute()
    os.nice(10)
    (folder / _WAITS).touch()
    # who marks its folder and then finds the lock taken is seen by the holder, who looks again
    # after it has let go
    while any(_waiting(folder.parent)):
        with _lock(folder.parent) as held:
            if not held:
                return 0
            for path in _waiting(folder.parent):
                render(RunFolder(path))
    return 0


def render(folder: RunFolder) -> None:
    """Write the HTML of an executed notebook; one that cannot be rendered has none."""
    (folder.path / _WAITS).unlink(missing_ok=True)
    with contextlib.suppress(Exception):
        write_atomically(folder.html, html(folder.output).encode("utf-8", "replace"))


def html(path: Path) -> str:
    """A notebook as a page that needs no other file."""
    import nbconvert

    exporter: Any = nbconvert.HTMLExporter
    page, _ = exporter(template_name="lab").from_filename(str(path))
    return str(page)


def _waiting(root: Path) -> Iterator[Path]:
    return (path.parent for path in root.glob(f"*/{_WAITS}"))


@contextlib.contextmanager
def _lock(root: Path) -> Iterator[bool]:
    descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
