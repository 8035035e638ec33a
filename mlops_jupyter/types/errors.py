"""Errors that carry their HTTP status and say what happened, why, and how to fix it.

One class a status; the class knows its status, so no mapping table is needed elsewhere.
In a notebook cell an error renders as one clean line that papermill keeps.
"""

from __future__ import annotations

from typing import Any

_ENDS = (".", "!", "?", "…", ":", ";", ",")


class MlopsError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        What happened, one sentence, without the caller's data.
    reason
        Why it happened.
    fix
        What the reader can do about it.
    code
        Stable machine-readable word; each class has a default.
    """

    status = 500
    code = "internal_error"

    def __init__(
        self, message: str, *, reason: str = "", fix: str = "", code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.fix = fix
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        parts = (part.strip() for part in (self.message, self.reason, self.fix))
        return " ".join(part if part.endswith(_ENDS) else f"{part}." for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """The body of an error answer: ``{code, message, reason, fix}``."""
        return {
            "code": self.code,
            "message": self.message,
            "reason": self.reason,
            "fix": self.fix,
        }

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class InvalidRequest(MlopsError):
    """The request cannot be understood: bad JSON, bad name, bad option."""

    status = 400
    code = "invalid_request"


class Unauthenticated(MlopsError):
    """Nobody proved who is calling: no token, or one that is unknown, expired or revoked."""

    status = 401
    code = "unauthenticated"


class Forbidden(MlopsError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"


class NotFound(MlopsError):
    """No such model, version, alias, endpoint or record."""

    status = 404
    code = "not_found"


class Conflict(MlopsError):
    """Somebody else was first: the revision moved, or a change is under way."""

    status = 409
    code = "conflict"


class TooLarge(MlopsError):
    """The body is over the limit."""

    status = 413
    code = "too_large"


class InvalidInput(MlopsError):
    """The request is well-formed and its data does not fit the model's signature."""

    status = 422
    code = "invalid_input"


class Overloaded(MlopsError):
    """The queue is full; try again after ``retry_after`` seconds."""

    status = 429
    code = "overloaded"
    retry_after = 1


class ModelError(MlopsError):
    """The model itself raised, or answered something unusable."""

    status = 500
    code = "model_error"


class WorkerDied(MlopsError):
    """The worker process that held the call died."""

    status = 502
    code = "worker_died"


class StepFailed(MlopsError):
    """A step of a pipeline could not answer; the reason has its own error."""

    status = 502
    code = "step_failed"


class Unavailable(MlopsError):
    """Not now: no replica can be started, the hub is stopping, a store is unreachable."""

    status = 503
    code = "unavailable"


class AuditUnavailable(Unavailable):
    """The ledger cannot write, so a strict endpoint does not answer."""

    code = "audit_unavailable"


class DeadlineExceeded(MlopsError):
    """No answer within the endpoint's deadline."""

    status = 504
    code = "deadline_exceeded"


_BY_STATUS: dict[int, type[MlopsError]] = {
    cls.status: cls
    for cls in (
        InvalidRequest,
        Unauthenticated,
        Forbidden,
        NotFound,
        Conflict,
        TooLarge,
        InvalidInput,
        Overloaded,
        ModelError,
        WorkerDied,
        Unavailable,
        DeadlineExceeded,
    )
}

_BY_CODE: dict[str, type[MlopsError]] = {cls.code: cls for cls in (AuditUnavailable, StepFailed)}
"""Those that share their status with another."""


def error_from_dict(status: int, body: dict[str, Any]) -> MlopsError:
    """Rebuild the error that :meth:`MlopsError.to_dict` wrote, for clients of the HTTP API."""
    cls = _BY_STATUS.get(status, MlopsError)
    code = str(body.get("code") or cls.code)
    cls = _BY_CODE.get(code, cls)
    error = cls(
        str(body.get("message") or f"The hub answered status {status}."),
        reason=str(body.get("reason") or ""),
        fix=str(body.get("fix") or ""),
        code=code,
    )
    error.status = status
    return error
