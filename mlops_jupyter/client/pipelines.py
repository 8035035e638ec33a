"""The part of the client that checks and looks at pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mlops_jupyter.client.calls import Calls, given
from mlops_jupyter.types.pipeline import PipelineStatus


class PipelineCalls(Calls):
    """Checks of pipelines, and what their steps do."""

    def check_pipeline(
        self,
        text: str | None = None,
        graph: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> PipelineStatus:
        """Check a pipeline, as text or graph, that is to be endpoint `name`; changes nothing."""
        body = given(text=text, graph=graph, name=name)
        return self._send("POST", "/pipelines/check", PipelineStatus, body)

    def pipeline(self, name: str) -> PipelineStatus:
        """A pipeline's graph, and what each of its steps does now."""
        return self._get(f"/pipelines/{quote(name, safe='')}", PipelineStatus)
