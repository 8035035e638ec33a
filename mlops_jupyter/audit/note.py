"""Signed notes and checkpoints: C2SP signed-note, tlog-checkpoint, signed by Ed25519 (RFC 8032).

The formats are those of https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint, so that
tools written by others read them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mlops_jupyter.audit.tree import HASH_BYTES
from mlops_jupyter.types.errors import InvalidRequest

ED25519 = b"\x01"
MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 100
_DASH = "— "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[^\s+]+")


class InvalidNote(InvalidRequest):
    """A note, checkpoint or key is malformed, or no trusted key has signed it."""

    code = "invalid_note"


def decode_base64(text: str) -> bytes:
    """Standard Base64 with padding, refused unless it is the one encoding of its bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidNote("A line of the note is not Base64.") from None
    if base64.b64encode(data).decode() != text:
        raise InvalidNote("A line of the note is not canonical Base64.")
    return data


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def check_origin(origin: str) -> str:
    """Return `origin` if it may name a log and its key: not empty, no space, no plus sign."""
    if not _NAME.fullmatch(origin) or not origin.isprintable() or len(origin) > 255:
        raise InvalidNote(
            "This is not a name for a log.",
            reason="It must be printable, at most 255 long, without spaces and '+'.",
            fix="Use a form such as 'example.com/audit'.",
        )
    return origin


@dataclass(frozen=True)
class Verifier:
    """A public key with the name it signs for; its text form is C2SP's vkey."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read ``name+hex(key id)+base64(0x01 || public key)``; raise InvalidNote otherwise."""
        parts = vkey.strip().split("+", 2)
        if len(parts) != 3:
            raise InvalidNote(
                "This is not a verifier key.", fix="It looks like 'name+0123abcd+AbCd…'."
            )
        name, key_id, data = parts[0], parts[1], decode_base64(parts[2])
        check_origin(name)
        if data[:1] != ED25519 or len(data) != 33:
            raise InvalidNote("The verifier key is not an Ed25519 key.")
        if _key_id(name, data[1:]).hex() != key_id:
            raise InvalidNote("The verifier key's id does not fit its name and key.")
        return cls(name, data[1:])

    def __str__(self) -> str:
        key_id = _key_id(self.name, self.public).hex()
        return f"{self.name}+{key_id}+{base64.b64encode(ED25519 + self.public).decode()}"

    def open(self, note: str) -> str:
        """The text of `note` if this key signed it; raise InvalidNote otherwise."""
        text, signatures = split_note(note)
        known = _key_id(self.name, self.public)
        signed = False
        for name, data in signatures:
            if name != self.name or data[:4] != known:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(self.public).verify(data[4:], text.encode())
            except InvalidSignature:
                raise InvalidNote(
                    "The note's signature is wrong.",
                    reason="Its text or its signature was changed after signing.",
                ) from None
            signed = True
        if not signed:
            raise InvalidNote(
                "The note is not signed by the expected key.",
                reason="No signature carries that key's name and id.",
            )
        return text


@dataclass(frozen=True)
class Signer:
    """A private key with the name it signs for; its text form is that of Go's ``sumdb/note``."""

    name: str
    seed: bytes

    @classmethod
    def parse(cls, skey: str) -> Signer:
        """Read ``PRIVATE+KEY+name+hex(key id)+base64(0x01 || seed)``; raise InvalidNote."""
        parts = skey.strip().split("+", 4)
        if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
            raise InvalidNote("This is not a signing key.")
        data = decode_base64(parts[4])
        if data[:1] != ED25519 or len(data) != 33:
            raise InvalidNote("The signing key is not an Ed25519 key.")
        signer = cls(parts[2], data[1:])
        if _key_id(signer.name, signer.verifier.public).hex() != parts[3]:
            raise InvalidNote("The signing key's id does not fit its name and key.")
        return signer

    def to_text(self) -> str:
        """The private key as text. A secret."""
        key_id = _key_id(self.name, self.verifier.public).hex()
        return f"PRIVATE+KEY+{self.name}+{key_id}+{base64.b64encode(ED25519 + self.seed).decode()}"

    def __repr__(self) -> str:
        return f"Signer(name={self.name!r})"

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        return Verifier(self.name, key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The signed note of `text`, which must end in a newline."""
        if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
            raise InvalidNote("A note's text ends in a newline and has no control characters.")
        data = text.encode()
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = _key_id(self.name, key.public_key().public_bytes_raw()) + key.sign(data)
        return f"{text}\n{_DASH}{self.name} {base64.b64encode(signature).decode()}\n"


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text and ``(name, key id || signature)`` of each signature line, not yet verified."""
    if len(note) > MAX_NOTE_BYTES:
        raise InvalidNote("The note is too long.")
    if any(c < " " and c != "\n" for c in note):
        raise InvalidNote("The note holds control characters.")
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise InvalidNote(
            "The note has no signature.", reason="It must end in a blank line and signature lines."
        )
    signatures = []
    for line in tail[:-1].split("\n"):
        name, space, data = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name):
            raise InvalidNote("A signature line of the note is malformed.")
        signature = decode_base64(data)
        if len(signature) < 5:
            raise InvalidNote("A signature of the note is cut.")
        signatures.append((name, signature))
    if len(signatures) > MAX_SIGNATURES:
        raise InvalidNote("The note has too many signatures.")
    return text + "\n", signatures


@dataclass(frozen=True)
class Checkpoint:
    """What a log commits to by signing: its name, how many leaves it has, and their root."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The note text of C2SP tlog-checkpoint, three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint's note text (extension lines are skipped); raise InvalidNote."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise InvalidNote("The checkpoint does not have its three lines.")
        if not _SIZE.fullmatch(lines[1]):
            raise InvalidNote("The checkpoint's size is not a whole number.")
        root = decode_base64(lines[2])
        if len(root) != HASH_BYTES:
            raise InvalidNote("The checkpoint's root is not a SHA-256.")
        return cls(lines[0], int(lines[1]), root)

    @classmethod
    def open(cls, note: str, verifier: Verifier) -> Checkpoint:
        """The checkpoint of a note that `verifier` accepts and that names the verifier's log."""
        checkpoint = cls.parse(verifier.open(note))
        if checkpoint.origin != verifier.name:
            raise InvalidNote(
                "The checkpoint belongs to another log.",
                reason="Its first line is not the name of the key.",
            )
        return checkpoint
