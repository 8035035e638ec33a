"""Types as a pipeline's text names them: ``string``, ``double``, ``array(double)``."""

from __future__ import annotations

from mlops_jupyter.pipelines.served import PipelineMisfit
from mlops_jupyter.serving.nested import LEAVES, Kind
from mlops_jupyter.types import did_you_mean


def parse_type(name: str, text: str) -> Kind:
    """The type `text` of the field `name`; raises PipelineMisfit for one that is not known."""
    if text.startswith("array(") and text.endswith(")"):
        return Kind("array", parse_type(name, text[6:-1]))
    if text not in LEAVES and text != "any":
        raise PipelineMisfit(
            f"The field '{name}' has a type that is not known: {ascii(text)[:40]}.",
            reason=did_you_mean(text, (*LEAVES, "any")),
            fix=f"Types: {', '.join(LEAVES)}, any, array(double).",
            code="unknown_type",
        )
    return Kind(text)
