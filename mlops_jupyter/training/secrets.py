"""References to secrets, and what they stand for.

A reference is recorded, its value never is: it goes to the kernel's environment alone. No error
here holds a value, nor a text that somebody may have written in place of a reference.
"""

from __future__ import annotations

import importlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_jupyter.types import InvalidRequest, NotFound

MAX_BYTES = 64 << 10
"""Most bytes of one value; Linux takes 128 kB for a variable and its name."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


@dataclass(frozen=True)
class SecretRef:
    """Where a secret is: a variable, the path of a file, or ``service/user`` of a keyring."""

    kind: Literal["env", "file", "keyring"]
    target: str

    @classmethod
    def parse(cls, text: str) -> SecretRef:
        """Read ``env:NAME``, ``file:/path`` or ``keyring:service/user``; raise InvalidRequest."""
        kind, colon, target = text.partition(":")
        service, _, user = target.partition("/")
        if colon and "\0" not in target and len(target) <= 4096:
            if kind == "env" and _VARIABLE.fullmatch(target):
                return cls("env", target)
            if kind == "file" and Path(target).is_absolute():
                return cls("file", target)
            if kind == "keyring" and service and user:
                return cls("keyring", target)
        raise InvalidRequest(
            "A secret is given by a reference, never by its value.",
            reason="What was written is not a reference, and is not repeated here.",
            fix="Write env:NAME, file:/absolute/path or keyring:service/user.",
            code="invalid_secret",
        )

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}"


def check_variable(name: str) -> str:
    """Return `name` if it can be an environment variable's; raise InvalidRequest otherwise."""
    if not _VARIABLE.fullmatch(name):
        raise InvalidRequest(
            "A secret's name must be one of an environment variable.",
            reason="The notebook finds the secret in its environment.",
            fix="Use letters, digits and '_', such as DB_PASSWORD=env:DB_PASSWORD.",
            code="invalid_secret",
        )
    return name


def resolve(refs: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values by the name of their environment variable; reads files and the keyring.

    Parameters
    ----------
    refs
        References by the variable's name.
    environ
        Where ``env:`` looks.

    Raises
    ------
    InvalidRequest
        A name or a reference cannot be read, or the value cannot be a variable's.
    NotFound
        There is no such secret.
    """
    return {check_variable(name): _value(name, ref, environ) for name, ref in refs.items()}


def exposed(refs: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each file that others on this machine can read."""
    found = []
    for name, text in refs.items():
        ref = SecretRef.parse(text)
        try:
            mode = Path(ref.target).stat().st_mode if ref.kind == "file" else 0
        except OSError:
            continue
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            found.append(f"The file of {name} can be read by others: chmod 600 {ref.target}.")
    return tuple(found)


def _value(name: str, text: str, environ: Mapping[str, str]) -> str:
    ref = SecretRef.parse(text)
    if ref.kind == "env":
        value = environ.get(ref.target)
        if value is None:
            raise _missing(name, f"The variable {ref.target} is not set where runs are started.")
    else:
        value = _read_file(name, ref.target) if ref.kind == "file" else _ask(name, ref.target)
    if "\0" in value or len(value.encode("utf-8", "surrogateescape")) > MAX_BYTES:
        raise _unfit(name)
    return value


def _read_file(name: str, path: str) -> str:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _missing(name, f"{path} is not a file.")
            content = file.read(MAX_BYTES + 3)
    except OSError as error:
        raise _missing(name, f"{path}: {error.strerror}.") from error
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # not chained: the error holds the bytes
        raise _unfit(name) from None
    return text.removesuffix("\n").removesuffix("\r")


def _open_at_once(path: str, flags: int) -> int:
    """Do not wait where the path is a pipe that nobody writes to."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _ask(name: str, target: str) -> str:
    service, _, user = target.partition("/")
    try:
        keyring = importlib.import_module("keyring")
    except ImportError as error:
        raise InvalidRequest(
            f"The secret {name} is in a keyring, which cannot be opened.",
            reason="The package keyring is not installed where runs are started.",
            fix="pip install keyring, or refer to a file of mode 600 by file:/path.",
            code="keyring_missing",
        ) from error
    try:
        value = keyring.get_password(service, user)
    except Exception as error:
        raise _missing(name, f"The keyring refused: {type(error).__name__}.") from None
    if value is None:
        raise _missing(name, f"The keyring has nothing for {user} of {service}.")
    return str(value)


def _missing(name: str, reason: str) -> NotFound:
    return NotFound(
        f"The secret {name} cannot be had.",
        reason=reason,
        fix="Put it there, or change the reference.",
        code="secret_missing",
    )


def _unfit(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"The secret {name} cannot be an environment variable.",
        reason=f"It is over {MAX_BYTES >> 10} kB, not UTF-8, or holds a zero byte.",
        fix="Let the notebook read it from a file, whose path is a parameter.",
        code="secret_unfit",
    )
