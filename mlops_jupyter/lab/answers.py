"""What all our handlers share: proof and right before anything else, and errors of one shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado.web import HTTPError

from mlops_jupyter.lab.identity import Asker, asker_of
from mlops_jupyter.lab.table import Action
from mlops_jupyter.types import Forbidden, InvalidRequest, MlopsError, Overloaded, TooLarge

if TYPE_CHECKING:
    from mlops_jupyter.lab.extension import Services

RESOURCE = "mlops"
SERVICES = "mlops_jupyter_services"
BODY_BYTES = 64 * 1024

_SAID = {
    "read": "You may not look at this.",
    "write": "You may not change anything here.",
    "execute": "You may not call models here.",
}
_CODES = {400: "invalid_request", 403: "forbidden", 404: "no_such_path", 405: "method_not_allowed"}

T = TypeVar("T")


class Handler(ExtensionHandlerMixin, APIHandler):
    """A handler whose methods are reached only by who is proven and may.

    Attributes
    ----------
    actions
        The action of each method; a method that is not listed does not exist.
    """

    auth_resource = RESOURCE
    actions: ClassVar[dict[str, Action]] = {}

    @property
    def services(self) -> Services:
        """The hub's link, the events and the registry of this server."""
        services: Services = self.settings[SERVICES]
        return services

    @property
    def asker(self) -> Asker:
        """Who asks."""
        return asker_of(self)

    async def prepare(self) -> None:  # type: ignore[override]  # as APIHandler has it
        """Refuse who is not proven, and what the server's authorizer does not allow."""
        await super().prepare()
        if self.current_user is None:
            raise HTTPError(403)
        if self.request.method == "OPTIONS":
            return
        self.services.events.asked()
        await self.check_right(self.action())

    def action(self) -> Action:
        """What this request wants to do; raises for a method that is not there."""
        action = self.actions.get(self.request.method or "")
        if action is None:
            raise HTTPError(405)
        return action

    async def check_right(self, action: Action) -> None:
        """Return if Jupyter's authorizer lets this user do it."""
        if not await self.may(action):
            raise Forbidden(
                _SAID[action],
                reason=f"This Jupyter server does not allow '{action}' on '{RESOURCE}' for you.",
                fix="Ask whoever runs the server.",
                code="not_authorised",
            )

    async def may(self, action: Action) -> bool:
        """Whether Jupyter's authorizer lets this user do it."""
        allowed = self.authorizer.is_authorized(self, self.current_user, action, RESOURCE)
        return bool(await ensure_async(allowed))

    def body(self, kind: type[T]) -> T:
        """The JSON body as `kind`."""
        if len(self.request.body) > BODY_BYTES:
            raise TooLarge("The body is too large.", reason=f"The limit is {BODY_BYTES} bytes.")
        try:
            return msgspec.json.decode(self.request.body or b"{}", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidRequest(
                "The body does not fit this operation.", reason=f"{error}.", code="invalid_body"
            ) from error

    def answer(self, value: Any, status: int = 200) -> None:
        """Finish with a JSON answer."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(msgspec.json.encode(value))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every error is ``{code, message, reason, fix}``."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if not isinstance(error, MlopsError):
            error = self._named(status_code, error)
        # a 401 of the hub's is about this server, not about the user's login
        self.set_status(502 if error.status == 401 else error.status)
        if isinstance(error, Overloaded):
            self.set_header("Retry-After", str(error.retry_after))
        self.finish(json.dumps(error.to_dict()))

    def _named(self, status: int, error: BaseException | None) -> MlopsError:
        said = MlopsError("Jupyter's part failed.", fix="See the Jupyter server's log.")
        if isinstance(error, HTTPError):
            message = str(error.log_message or error.reason or "")
            said = MlopsError(message or f"Status {status}.", code=_CODES.get(status))
            if status == 403 and self.current_user is None:
                said = MlopsError(
                    "You are not logged in to Jupyter.",
                    reason="The login or the token is missing or has expired.",
                    fix="Reload the page and log in again.",
                    code="unauthenticated",
                )
            elif status == 403:
                said.fix = "Reload the page; Jupyter gives it a new proof against forged requests."
            elif status == 404:
                said.message = "There is no such path."
            elif status == 405:
                said.message = "This path is there for other methods only."
        elif error is not None:
            said.reason = f"{type(error).__name__}."
        said.status = status
        return said

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Errors that were answered in our own words need no traceback in the log."""
        if isinstance(value, MlopsError):
            self.log.info("%s %s: %s", self.request.method, self.request.path, value.code)
        else:
            super().log_exception(typ, value, tb)
