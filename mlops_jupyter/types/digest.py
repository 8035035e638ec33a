"""The digest of a folder: which bytes a registered version is made of."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest_folder(folder: str | Path) -> str:
    """SHA-256 hex over every file's relative path, size and bytes, in sorted order.

    Symbolic links, devices and other non-files are refused with ValueError: they would let the
    bytes change without the digest.
    """
    root = Path(folder)
    total = hashlib.sha256()
    for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path.relative_to(root)} is not a plain file")
        if path.is_file():
            name = path.relative_to(root).as_posix().encode()
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            total.update(len(name).to_bytes(4, "big") + name)
            total.update(path.stat().st_size.to_bytes(8, "big") + content)
    return total.hexdigest()
