"""Pipelines in a notebook: ``%%pipeline``, ``pipeline(…)``, and what they return."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_jupyter.notebook import verbs
from mlops_jupyter.notebook.connection import connected
from mlops_jupyter.notebook.drawing import drawing_html, drawing_text
from mlops_jupyter.notebook.html import (
    LINES,
    MUTED,
    Html,
    clock,
    element,
    folded,
    heading,
    muted,
    panel,
    state_word,
    visible,
)
from mlops_jupyter.notebook.html import block as text_block
from mlops_jupyter.notebook.live import Progress, Working
from mlops_jupyter.notebook.views import EndpointView, Joinable, Pasteable, View
from mlops_jupyter.pipelines import Graph, as_part, ensemble, field, parallel, step, switch
from mlops_jupyter.types import EndpointStatus, ModelVersion, NotFound, check_name
from mlops_jupyter.types.pipeline import PipelineStatus

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

__all__ = [
    "Drawing",
    "PipelineView",
    "ensemble",
    "field",
    "parallel",
    "pipeline",
    "step",
    "switch",
]

HOW = ("audit", "mode", "deadline", "revision")
"""Of what `pipeline` hands on to `deploy`, that which the magic has words for."""


class Drawing(View):
    """A pipeline's graph with live figures, of the moment it was drawn."""

    def __init__(self, status: PipelineStatus) -> None:
        self.status = status

    def to_dict(self) -> dict[str, Any]:
        """Nodes and edges as plain data."""
        return dataclasses.asdict(self.status)

    def _html(self) -> Html:
        return panel(
            drawing_html(self.status),
            element("div", f"the last minute · {clock()}", style=MUTED),
        )

    def _text(self) -> str:
        return drawing_text(self.status)


class PipelineView(Joinable, View):
    """A pipeline: what it takes and gives, how it is served, and its drawing.

    Attributes
    ----------
    status
        The graph and its figures, as the hub gave them.
    endpoint
        What serves it; None when it is not deployed.
    """

    def __init__(
        self,
        hub: Hub,
        status: PipelineStatus,
        *,
        version: ModelVersion | None = None,
        endpoint: EndpointStatus | None = None,
        note: str = "",
    ) -> None:
        self._hub = hub
        self.status = status
        self.version = version
        self.endpoint = None if endpoint is None else EndpointView(hub, endpoint)
        self.note = note

    @property
    def name(self) -> str:
        """The pipeline's name, and its endpoint's."""
        return self.status.name

    @property
    def text(self) -> Pasteable:
        """The pipeline as text."""
        return Pasteable(self.status.text)

    def draw(self) -> Drawing:
        """The graph with live rate, latency and errors of each step."""
        try:
            return Drawing(self._hub.pipeline(self.name))
        except NotFound:
            return Drawing(self.status)

    def predict(self, data: Any, *, version: int | None = None) -> Any:
        """Ask the pipeline; the answer is a table of the fields that it gives."""
        return self._hub.predict(self.name, data, version=version)

    def refresh(self) -> PipelineView:
        """The same pipeline as it is now."""
        return shown(self._hub, self.name)

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain data."""
        facts = dataclasses.asdict(self.status)
        facts["state"] = "" if self.endpoint is None else self.endpoint.state
        return facts

    def _facts(self) -> str:
        takes = ", ".join(f"{name}: {kind}" for name, kind in self.status.takes.items())
        gives = ", ".join(f"{name}: {kind}" for name, kind in self.status.gives.items())
        return f"{takes} -> {gives}"

    def _html(self) -> Html:
        state = [] if self.endpoint is None else [state_word(self.endpoint.state)]
        title = heading(self.name or "pipeline", *state, *([muted(self.note)] if self.note else []))
        return panel(
            title,
            element("div", self._facts(), style=MUTED),
            drawing_html(self.status),
            folded("the text", text_block(self.status.text)),
        )

    def _text(self) -> str:
        state = "" if self.endpoint is None else f"  {self.endpoint.state}"
        note = f"  {self.note}" if self.note else ""
        lines = [f"pipeline {self.name}{state}{note}", self._facts(), drawing_text(self.status)]
        return visible("\n".join(lines), keep=LINES)


def pipeline(
    name: str,
    graph: Any = None,
    *,
    returns: Iterable[str] = (),
    takes: Mapping[str, str] | None = None,
    alias: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    deploy: bool = True,
    dry_run: bool = False,
    user_ns: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    **how: Any,
) -> PipelineView:
    """Check a pipeline, register it as the next version of `name`, and deploy it.

    Without `graph` the pipeline that is deployed is shown. The same graph again is no new version.

    Parameters
    ----------
    graph
        The text of a pipeline, or parts joined by ``>>``.
    returns, takes
        For parts: fields of the answer, where they are not those of the last step, and types of
        what a caller sends, ``{"scan": "binary", "country?": "string"}``.
    alias, tags, description
        As for `register`.
    deploy
        Whether to serve it; with False it is only checked and registered.
    dry_run
        Whether to check it only.
    how
        As for `deploy`: `scale`, `audit`, `mode`, `deadline`, `revision` …
    """
    check_name(name, "pipeline name")
    hub = connected()
    if graph is None:
        return shown(hub, name)
    tell = on_progress or (lambda _view: None)
    tell(Working(f"Checking {name} against the endpoints that it calls"))
    if isinstance(graph, str):
        wanted = hub.check_pipeline(text=graph, name=name)
    else:
        made = graph if isinstance(graph, Graph) else as_part(graph).graph(returns, takes)
        wanted = hub.check_pipeline(graph=made.to_dict(), name=name)
    if dry_run:
        return PipelineView(hub, wanted, note="It can run; nothing was registered.")
    version = None if alias or tags or description else _same(hub, wanted)
    note = "" if version is None else f"{version.ref} has this graph already."
    if version is None:
        version = _register(name, wanted, alias, tags, description, user_ns, tell)
        version = hub.add_version(version)
    status = dataclasses.replace(wanted, version=version.version)
    if not deploy:
        return PipelineView(hub, status, version=version, note=note or f"{version.ref}")
    present = verbs.deploy(version, name=name, on_progress=on_progress, **how)
    return PipelineView(
        hub, hub.pipeline(name), version=version, endpoint=present.status, note=note
    )


def shown(hub: Hub, name: str) -> PipelineView:
    """The pipeline that is deployed as `name`."""
    return PipelineView(hub, hub.pipeline(name), endpoint=hub.status(name))


def _register(
    name: str,
    wanted: PipelineStatus,
    alias: str | None,
    tags: Mapping[str, str] | None,
    description: str | None,
    user_ns: Mapping[str, Any] | None,
    tell: Progress,
) -> ModelVersion:
    tell(Working(f"Registering {name}: starting MLflow (a few seconds the first time)"))
    from mlops_jupyter.registry.pipeline import register_pipeline

    register = partial(register_pipeline, name, wanted.graph, wanted.text, wanted.signature)
    return register(alias=alias, tags=tags, description=description, user_ns=user_ns)


def _same(hub: Hub, wanted: PipelineStatus) -> ModelVersion | None:
    """The newest version of the pipeline, if it is this graph with this signature."""
    known = hub.versions(wanted.name)
    newest = max(known, key=lambda version: version.version, default=None)
    if newest is None:
        return None
    described = newest.flavors.get("mlops_pipeline")
    graph = described.get("graph") if isinstance(described, Mapping) else None
    signature = newest.signature or {}
    sides = ("inputs", "outputs")
    same = graph == wanted.graph and all(
        _plain(signature.get(side)) == _plain(wanted.signature.get(side)) for side in sides
    )
    return newest if same else None


def _plain(side: Any) -> Any:
    import json

    return json.loads(side) if isinstance(side, str) else side
