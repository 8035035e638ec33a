"""The routes of ours: the hub's state, starting and stopping it, and the registry."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from tornado import web
from tornado.web import HTTPError

from mlops_jupyter import __version__
from mlops_jupyter.lab.answers import Handler
from mlops_jupyter.lab.link import Ask, other_version
from mlops_jupyter.lab.proxy import ProxyHandler
from mlops_jupyter.lab.switch import promote, rollback
from mlops_jupyter.lab.table import Action
from mlops_jupyter.types import MlopsError

STATUS_SECONDS = 5.0

_NEEDED: dict[str, Action] = {
    "read": "read",
    "audit": "read",
    "invoke": "execute",
    "deploy": "write",
    "run": "write",
    "token": "write",
    "hub": "write",
}
"""What Jupyter must allow for each right of the hub's."""


class StatusHandler(Handler):
    """What there is and who asks; never starts a hub."""

    actions: ClassVar[dict[str, Action]] = {"GET": "read"}

    @web.authenticated
    async def get(self) -> None:
        """Say it."""
        await self.say_status()

    async def say_status(self) -> None:
        """Finish with the status."""
        hub, rights = await self._hub()
        self.answer(
            {
                "version": __version__,
                "hub": hub,
                "user": self.asker.to_dict(),
                "rights": [right for right in rights if await self.may(_NEEDED[right])],
                "events": self.services.events.flowing,
            }
        )

    async def _hub(self) -> tuple[dict[str, Any], list[str]]:
        """The hub, and the rights that it gives."""
        every, link = list(_NEEDED), self.services.link
        try:
            running = await link.running()
            if running is None:
                return self._absent(), every
            known = {"version": running.version, "url": running.url, "pid": running.pid}
            if running.version != __version__:
                return {**known, **_trouble("other_version", other_version(running))}, every
            ask = Ask("GET", "/whoami", headers=self.asker.headers(), seconds=STATUS_SECONDS)
            said = await link.call(ask, start=False)
        except MlopsError as error:
            gone = error.code in ("hub_stopped", "hub_not_running")
            return self._absent() if gone else _trouble("failed", error), every
        given = said.get("rights", every)
        return {"state": "running", **known}, [right for right in every if right in given]

    def _absent(self) -> dict[str, Any]:
        link = self.services.link
        if link.starting:
            return {"state": "starting"}
        return {"state": "stopped"} if link.failure is None else _trouble("failed", link.failure)


def _trouble(state: str, error: MlopsError) -> dict[str, Any]:
    reason = " ".join(part for part in (error.message, error.reason) if part)
    return {"state": state, "reason": reason, "fix": error.fix}


class StartHandler(StatusHandler):
    """Start the hub."""

    actions: ClassVar[dict[str, Action]] = {"POST": "write"}

    @web.authenticated
    async def post(self) -> None:
        """Start it unless it runs, and say the status."""
        await self.services.link.start()
        await self.say_status()


class StopHandler(StatusHandler):
    """Stop the hub."""

    actions: ClassVar[dict[str, Action]] = {"POST": "write"}

    @web.authenticated
    async def post(self) -> None:
        """Stop it; what only reads will not start it again."""
        await self.services.link.stop(self.asker.headers())
        await self.say_status()


class PromoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """The version that gets all traffic."""

    version: int
    revision: int | None = None


class RollbackBody(msgspec.Struct, forbid_unknown_fields=True):
    """The revision that the change is meant for."""

    revision: int | None = None


class PromoteHandler(Handler):
    """Give a version all traffic; the alias in the registry follows."""

    actions: ClassVar[dict[str, Action]] = {"POST": "write"}

    @web.authenticated
    async def post(self, name: str) -> None:
        """Answer ``{status, warning}``."""
        body = self.body(PromoteBody)
        headers = self.asker.headers()
        self.answer(await promote(self.services, headers, name, body.version, body.revision))


class RollbackHandler(Handler):
    """Go back to what served before; an alias that moved with it moves back."""

    actions: ClassVar[dict[str, Action]] = {"POST": "write"}

    @web.authenticated
    async def post(self, name: str) -> None:
        """Answer ``{status, warning}``."""
        body = self.body(RollbackBody)
        self.answer(await rollback(self.services, self.asker.headers(), name, body.revision))


class ModelsHandler(Handler):
    """The registry's models."""

    actions: ClassVar[dict[str, Action]] = {"GET": "read"}

    @web.authenticated
    async def get(self) -> None:
        """All, by name."""
        self.answer(await self.services.agent.models())


class VersionsHandler(Handler):
    """A model's versions."""

    actions: ClassVar[dict[str, Action]] = {"GET": "read"}

    @web.authenticated
    async def get(self, name: str) -> None:
        """All, newest first."""
        self.answer(await self.services.agent.versions(name))


class ResolveBody(msgspec.Struct, forbid_unknown_fields=True):
    """``name/3``, ``name@alias`` or ``name``."""

    ref: str


class ResolveHandler(Handler):
    """One version with its artifacts here, as a deployment needs it."""

    actions: ClassVar[dict[str, Action]] = {"POST": "write"}

    @web.authenticated
    async def post(self) -> None:
        """Find it."""
        self.answer(await self.services.agent.resolve(self.body(ResolveBody).ref))


class NothingHandler(Handler):
    """Everything else under our address: not there, said in our own words."""

    def action(self) -> Action:
        """Nothing that anybody could do."""
        raise HTTPError(404)


HANDLERS: list[tuple[str, type[Handler]]] = [
    (r"/mlops/status", StatusHandler),
    (r"/mlops/hub/start", StartHandler),
    (r"/mlops/hub/stop", StopHandler),
    (r"/mlops/endpoints/([^/]+)/promote", PromoteHandler),
    (r"/mlops/endpoints/([^/]+)/rollback", RollbackHandler),
    (r"/mlops/registry/models", ModelsHandler),
    (r"/mlops/registry/models/([^/]+)/versions", VersionsHandler),
    (r"/mlops/registry/resolve", ResolveHandler),
    (r"/mlops/api(/.*)", ProxyHandler),
    (r"/mlops(?:/.*)?", NothingHandler),
]
