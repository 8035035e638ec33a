"""The extension of Jupyter Server: everything under ``{base_url}mlops/``.

Nothing runs before somebody asks: the hub's link, the listening to its events and the registry's
process begin with the first request that needs them, and end with the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_server.extension.application import ExtensionApp

from mlops_jupyter.lab.agent import Agent
from mlops_jupyter.lab.answers import SERVICES
from mlops_jupyter.lab.events import SCHEMA, SCHEMA_ID, Events
from mlops_jupyter.lab.link import Link
from mlops_jupyter.lab.routes import HANDLERS


@dataclass(frozen=True)
class Services:
    """What the handlers of one server share."""

    link: Link
    events: Events
    agent: Agent

    async def close(self) -> None:
        """End what runs; the hub is not ours to end."""
        await self.events.close()
        await self.agent.close()
        await self.link.close()


class MlopsExtension(ExtensionApp):
    """``jupyter server extension enable mlops_jupyter``, which installing does already."""

    name = "mlops_jupyter"
    load_other_extensions = True

    def initialize_settings(self) -> None:
        """Make what the handlers share."""
        assert self.serverapp is not None
        log = self.serverapp.event_logger
        if SCHEMA_ID not in log.schemas:
            log.register_event_schema(SCHEMA)

        def emit(data: dict[str, Any]) -> None:
            log.emit(schema_id=SCHEMA_ID, data=data)

        link = Link()
        events = Events(link, emit)
        link.on_change = events.hub_changed
        self.settings[SERVICES] = Services(link, events, Agent(link.home))

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend(HANDLERS)

    async def stop_extension(self) -> None:
        """Close connections and end the registry's process."""
        services: Services = self.settings[SERVICES]
        await services.close()
