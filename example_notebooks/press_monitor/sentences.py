"""5,190 sentences from newspaper editorials, each rated by twenty people from -4 to 4.

They were collected for VADER (C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model
for Sentiment Analysis of Social Media Text", ICWSM 2014) and lie in the source package of
vaderSentiment. pip fetches it from the package index when it is first wanted; it is not ours to
hand on.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO

import pandas as pd
import platformdirs

from mlops_jupyter.types import InvalidInput, Unavailable

PACKAGE = "vaderSentiment"
VERSION = "3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"

_ARCHIVE = f"{PACKAGE}-{VERSION}.tar.gz"
_INNER = f"{PACKAGE}-{VERSION}/additional_resources/hutto_ICWSM_2014.tar.gz"
_RATINGS = "hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt"


def sentences(cache: Path | None = None) -> pd.DataFrame:
    """The sentences: columns ``article``, ``rating`` (the mean) and ``text``.

    Parameters
    ----------
    cache
        Folder that keeps the package; the user's cache folder if not given.

    Raises
    ------
    Unavailable
        It is not there and cannot be fetched.
    InvalidInput
        What is there is not the package that is meant.
    """
    package = fetch(cache or platformdirs.user_cache_path("mlops-jupyter") / "press-monitor")
    with tarfile.open(package) as outer, tarfile.open(fileobj=_member(outer, _INNER)) as inner:
        lines = _member(inner, _RATINGS).read().decode().splitlines()
    rows = [line.split("\t") for line in lines]
    return pd.DataFrame(
        {
            "article": [int(name.partition("_")[0]) for name, _, _ in rows],
            "rating": [float(rating) for _, rating, _ in rows],
            "text": [text for _, _, text in rows],
        }
    )


def fetch(cache: Path) -> Path:
    """The source package in `cache`, fetched if it is not there; its digest is checked always."""
    path = cache / _ARCHIVE
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # beside its place, so that a download that is cut short leaves nothing that counts
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(Path(folder)).replace(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise InvalidInput(
            f"{path} is not {PACKAGE} {VERSION}.",
            reason="Its SHA-256 is another than the one that was published.",
            fix="Remove the file; it is fetched again.",
            code="digest_differs",
        )
    return path


def _download(folder: Path) -> Path:
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # pip checks the digest before it looks inside
    command += ["--no-deps", "--no-binary", PACKAGE, "--require-hashes", "-r", str(wanted)]
    done = subprocess.run(
        [*command, "--dest", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(
            f"{PACKAGE} {VERSION} cannot be fetched.",
            reason=(done.stderr.strip().splitlines() or ["pip said nothing."])[-1],
            fix=f"See that pip reaches its index, or put {_ARCHIVE} into {folder.parent}.",
            code="not_fetched",
        )
    return folder / _ARCHIVE


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    assert file is not None
    # an archive inside of an archive is read from its end, too
    return io.BytesIO(file.read())
