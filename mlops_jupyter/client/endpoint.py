"""One endpoint to call, and what to give to others who want to call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.client import snippets
from mlops_jupyter.types import EndpointStatus, InvalidRequest, MlopsError, did_you_mean

if TYPE_CHECKING:
    from mlops_jupyter.client.hub import Hub


class Endpoint:
    """A named address that serves a model; made by :meth:`Hub.endpoint`."""

    def __init__(self, hub: Hub, name: str) -> None:
        self._hub = hub
        self.name = name

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, {self.url!r})"

    @property
    def url(self) -> str:
        """Where applications send calls, in MLflow's scoring shapes."""
        return f"{self._hub.url}/endpoints/{self.name}/invocations"

    def status(self) -> EndpointStatus:
        """What it is doing now."""
        return self._hub.status(self.name)

    def predict(
        self,
        data: Any,
        *,
        version: int | None = None,
        params: Mapping[str, Any] | None = None,
        on_part: Callable[[int, int], object] | None = None,
    ) -> Any:
        """Return what the model returns for `data`; see `mlops_jupyter.client.predict`."""
        return self._hub.predict(self.name, data, version=version, params=params, on_part=on_part)

    def curl(self, *, example: bool = False) -> str:
        """A command for any POSIX shell on this computer; the token is read from its file.

        With `example` the data is the first row of the example that was saved with the model: real
        data, so look at it before you share the command. Otherwise it has the right types only.
        """
        return snippets.curl(self.url, self._hub.home / "token", self._example(example))

    def client_code(self, language: str = "python", *, example: bool = False) -> str:
        """A program for an application, which has its own token in ``MLOPS_TOKEN``.

        Parameters
        ----------
        language
            ``python`` (3.9 or newer, nothing to install) or ``javascript`` (Node 18 or newer).
        example
            Whether to send a row of the example that was saved with the model; see `curl`.
        """
        write = snippets.LANGUAGES.get(language.lower())
        if write is None:
            raise InvalidRequest(
                "There is no client code in this language.",
                reason=did_you_mean(language[:40], snippets.LANGUAGES),
                fix="Every language with HTTP will do: see curl() for what to send.",
                code="unknown_language",
            )
        return write(self.url, self.name, self._example(example))

    def _example(self, saved: bool) -> dict[str, Any]:
        found = self._saved_example() if saved else None
        return found or snippets.example(self._hub.metadata(self.name))

    def _saved_example(self) -> dict[str, Any] | None:
        """One row of the example saved with the model, if the hub keeps it on this computer."""
        try:
            spec = self._hub.status(self.name).spec
            kept = {one.version: one.path for one in self._hub.versions(spec.model)}
        except MlopsError:
            return None
        if not spec.traffic.weights:
            return None
        path = kept.get(max(spec.traffic.weights, key=lambda one: spec.traffic.weights[one]))
        return snippets.saved_example(Path(path)) if path else None
