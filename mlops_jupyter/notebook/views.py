"""What the verbs return: objects that look like their facts in a cell and in a terminal.

Each has ``__repr__``, ``_repr_html_`` and ``to_dict``, and holds facts of the moment it was made;
`EndpointView.refresh` asks again.
"""

from __future__ import annotations

import dataclasses
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from mlops_jupyter.notebook import displays
from mlops_jupyter.notebook.html import LINES, Html, block, visible
from mlops_jupyter.types import EndpointStatus, ModelVersion

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub, HubInfo, Verification, WhoAmI
    from mlops_jupyter.notebook.controls.shown import Controls
    from mlops_jupyter.pipelines import Part

T = TypeVar("T")
VIEW_MIME = "application/vnd.mlops-jupyter.view+json"


class View(ABC):
    """A result that a notebook shows as HTML and a terminal as text."""

    @abstractmethod
    def _html(self) -> Html: ...

    @abstractmethod
    def _text(self) -> str: ...

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The facts as plain dicts, lists, numbers and strings."""

    def __repr__(self) -> str:
        return self._text()

    def _repr_html_(self) -> str:
        return str(self._html())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        # in a run it says that the output is ours, which a repeat need not have the same
        return {VIEW_MIME: {}} if os.environ.get("MLOPS_JUPYTER_RUN") else {}


class Pasteable(str):
    """Text that a cell shows as it is, instead of as a string with quotes and escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return visible(str(self), keep=LINES)

    def _repr_html_(self) -> str:
        return str(block(self))


class Joinable:
    """What can stand left and right of ``>>`` in a pipeline."""

    def __rshift__(self, other: Any) -> Part:
        from mlops_jupyter.pipelines import as_part

        joined: Part = as_part(self) >> other
        return joined

    def __rrshift__(self, other: Any) -> Part:
        from mlops_jupyter.pipelines import as_part

        joined: Part = as_part(other) >> as_part(self)
        return joined


class EndpointView(Joinable, View):
    """An endpoint: what it is doing (`status`), and how to call it.

    Endpoints joined by ``>>`` make a pipeline; see `mlops_jupyter.pipeline`.

    Attributes
    ----------
    status
        The facts, as the hub gave them.
    steps
        What the verb that returned this did, in order.
    """

    def __init__(self, hub: Hub, status: EndpointStatus, steps: Sequence[str] = ()) -> None:
        self._hub = hub
        self.status = status
        self.steps = tuple(steps)

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.status.spec.name

    @property
    def state(self) -> str:
        """One of `mlops_jupyter.types.DEPLOY_STATES`."""
        return self.status.state

    @property
    def url(self) -> str:
        """Where to send calls."""
        return self._hub.endpoint(self.name).url

    def predict(
        self, data: Any, *, version: int | None = None, params: Mapping[str, Any] | None = None
    ) -> Any:
        """Ask the endpoint; the answer has the form that the model returned."""
        return self._hub.predict(self.name, data, version=version, params=params)

    def curl(self, *, example: bool = False) -> Pasteable:
        """A command that calls the endpoint, to paste into a terminal."""
        return Pasteable(self._hub.endpoint(self.name).curl(example=example))

    def client_code(self, language: str = "python", *, example: bool = False) -> Pasteable:
        """A program that calls the endpoint, for applications outside Jupyter.

        Parameters
        ----------
        language
            ``python`` or ``javascript``.
        """
        return Pasteable(self._hub.endpoint(self.name).client_code(language, example=example))

    def log(self, version: int | None = None) -> Pasteable:
        """The last output of its workers, at most 64 KiB."""
        return Pasteable(self._hub.log(self.name, version))

    def refresh(self) -> EndpointView:
        """The same endpoint as it is now."""
        return type(self)(self._hub, self._hub.status(self.name))

    def controls(self) -> Controls:
        """The same facts, kept true, with controls below them: replicas, traffic, rates.

        They are shown where a cell ends with them, if somebody sits before it.
        """
        from mlops_jupyter.notebook.controls.shown import endpoint_controls

        return endpoint_controls(self._hub, self)

    def to_dict(self) -> dict[str, Any]:
        """The status as plain data, with the scaling policy as its text."""
        facts = plain(self.status)
        facts["spec"]["scaling"] = str(self.status.spec.scaling)
        facts["steps"] = list(self.steps)
        return facts

    def _html(self) -> Html:
        return displays.endpoint_html(self.status, self.steps)

    def _text(self) -> str:
        return displays.endpoint_text(self.status, self.steps)


class ScaleView(EndpointView):
    """An endpoint's replicas: desired, ready, pending, and why."""

    @property
    def desired(self) -> int:
        """Replicas that are wanted."""
        return displays.replicas_wanted(self.status)[0]

    @property
    def ready(self) -> int:
        """Replicas that answer."""
        return displays.replicas_wanted(self.status)[1]

    @property
    def pending(self) -> int:
        """Replicas on their way."""
        return displays.replicas_wanted(self.status)[2]

    @property
    def reason(self) -> str:
        """Why there are as many as there are."""
        return self.status.reason

    def _html(self) -> Html:
        return displays.scale_html(self.status)

    def _text(self) -> str:
        return displays.scale_text(self.status)


class VersionView(View):
    """A registered version.

    Attributes
    ----------
    version
        All its facts.
    advice
        What may surprise later.
    metrics
        What was given for it when it was registered just now.
    """

    def __init__(
        self,
        version: ModelVersion,
        advice: Sequence[str] = (),
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        self.version = version
        self.advice = tuple(advice)
        self.metrics = dict(metrics or {})

    @property
    def ref(self) -> str:
        """``name/version``, as `deploy` takes it."""
        return self.version.ref

    def to_dict(self) -> dict[str, Any]:
        """The version as plain data."""
        return {**plain(self.version), "advice": list(self.advice), "metrics": self.metrics}

    def _html(self) -> Html:
        return displays.version_html(self.version, self.advice, self.metrics)

    def _text(self) -> str:
        return displays.version_text(self.version, self.advice, self.metrics)


class ListView(View, Sequence[T]):
    """A list that shows itself as a table."""

    def __init__(self, items: Sequence[T]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        return self._items[place]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)


class EndpointList(ListView[EndpointView]):
    """All endpoints of the hub."""

    def to_dict(self) -> dict[str, Any]:
        """``{endpoints: […]}``."""
        return {"endpoints": [view.to_dict() for view in self]}

    def _html(self) -> Html:
        return displays.endpoints_html([view.status for view in self])

    def _text(self) -> str:
        return displays.endpoints_text([view.status for view in self])


class ModelList(ListView[Any]):
    """All models of the registry: `mlops_jupyter.registry.RegisteredModel`."""

    def to_dict(self) -> dict[str, Any]:
        """``{models: […]}``."""
        return {"models": [{**vars(model), "aliases": dict(model.aliases)} for model in self]}

    def _html(self) -> Html:
        return displays.models_html(self)

    def _text(self) -> str:
        return displays.models_text(self)


class VersionList(ListView[VersionView]):
    """Versions of one model, newest first."""

    def to_dict(self) -> dict[str, Any]:
        """``{versions: […]}``."""
        return {"versions": [view.to_dict() for view in self]}

    def _html(self) -> Html:
        return displays.versions_html([view.version for view in self])

    def _text(self) -> str:
        return displays.versions_text([view.version for view in self])


class Overview(View):
    """Who I am, which hub I use and what it runs; `hub` is None when none runs."""

    def __init__(
        self,
        hub: HubInfo | None = None,
        who: WhoAmI | None = None,
        endpoints: Sequence[EndpointStatus] = (),
    ) -> None:
        self.hub = hub
        self.who = who
        self.endpoints = tuple(endpoints)

    def to_dict(self) -> dict[str, Any]:
        """``{hub, who, endpoints}``."""
        return {
            "hub": plain(self.hub) if self.hub else None,
            "who": plain(self.who) if self.who else None,
            "endpoints": [plain(status) for status in self.endpoints],
        }

    def _html(self) -> Html:
        facts = self.to_dict()
        return displays.overview_html(facts["hub"] or {}, facts["who"] or {}, self.endpoints)

    def _text(self) -> str:
        facts = self.to_dict()
        return displays.overview_text(facts["hub"] or {}, facts["who"] or {}, self.endpoints)


class VerificationView(View):
    """Whether the whole ledger holds together, and what does not."""

    def __init__(self, found: Verification) -> None:
        self.found = found

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return self.found.ok

    def to_dict(self) -> dict[str, Any]:
        """What the hub answered, as plain data."""
        return plain(self.found)

    def _html(self) -> Html:
        return displays.verification_html(self.to_dict())

    def _text(self) -> str:
        return displays.verification_text(self.to_dict())


def plain(value: Any) -> dict[str, Any]:
    """A dataclass as nested dicts."""
    return dataclasses.asdict(value)
