"""Packages of one module, and an index of them on this machine: such a build needs no other."""

from __future__ import annotations

import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def wheel(folder: Path, name: str, version: str = "1.0", needs: str = "") -> Path:
    """Write a package that says its version, and needs another or none."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        said = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        said += f"Requires-Dist: {needs}\n" if needs else ""
        archive.writestr(f"{info}/METADATA", said)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tags)
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return path


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: object, opened: threading.Event, **options: object) -> None:
        self._opened = opened
        super().__init__(*args, **options)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._opened.wait()
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def index(folder: Path, yanked: str = "", opened: threading.Event | None = None) -> Iterator[str]:
    """A package index (PEP 503) with `tinypackage` and `needsold`; answers once it is opened."""
    if opened is None:
        opened = threading.Event()
        opened.set()
    for file in (wheel(folder, "tinypackage"), wheel(folder, "needsold", needs="tinypackage<1.0")):
        page = folder / "simple" / file.name.partition("-")[0] / "index.html"
        page.parent.mkdir(parents=True)
        shutil.move(file, page.parent)
        mark = f' data-yanked="{yanked}"' if yanked else ""
        page.write_text(f'<a href="{file.name}"{mark}>{file.name}</a>')
    handler = partial(_Handler, directory=str(folder), opened=opened)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        opened.set()
        server.shutdown()
