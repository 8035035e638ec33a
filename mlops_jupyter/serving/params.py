"""A signature's params: what a caller may set beside the data, checked as MLflow checks it.

Names that the signature does not know are ignored and absent ones get their default, both as MLflow
does it. A null is passed on. Datetimes are passed on as ISO 8601 text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mlops_jupyter.serving.misfit import Misfit
from mlops_jupyter.serving.nested import Kind, conform, conform_leaf
from mlops_jupyter.types import InvalidInput, InvalidRequest

# MLflow lets a whole number pass for a float, and nothing else for anything else.
_ACCEPTED: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (float, int),
    "double": (float, int),
    "string": (str,),
    "datetime": (str,),
}


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: its type, its default, and whether it is a list of values."""

    name: str
    kind: Kind
    default: Any
    many: bool

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Param:
        """Read MLflow's JSON form of a parameter."""
        return cls(
            str(described["name"]),
            Kind.parse(described),
            described.get("default"),
            described.get("shape") is not None,
        )

    def check(self, value: Any) -> Any:
        """The value as the model gets it; raises Misfit."""
        if self.many:
            if type(value) is not list:
                raise Misfit(0, "must be a list")
            return [self._check_one(item) for item in value]
        return self._check_one(value)

    def _check_one(self, value: Any) -> Any:
        if self.kind.name == "object":
            conform(value, self.kind, required=True)
            return value
        if value is None:
            return None
        accepted = _ACCEPTED.get(self.kind.name, ())
        if type(value) not in accepted:
            raise Misfit(0, "holds another type")
        return conform_leaf(value, self.kind.name)


class Params:
    """All parameters of a signature.

    Attributes
    ----------
    defaults
        What a call without params gets: every default, or None when there are no parameters.
    absent
        What `check` returns for such a call.
    """

    def __init__(self, params: Sequence[Param]) -> None:
        self.known = {param.name: param for param in params}
        self.defaults: dict[str, Any] | None = (
            {param.name: param.default for param in params} if params else None
        )
        self.absent: tuple[dict[str, Any] | None, bytes | None] = (self.defaults, None)

    def check(self, given: Any) -> tuple[dict[str, Any] | None, bytes | None]:
        """The full params of a call and a text that is equal for equal ones.

        Raises
        ------
        InvalidRequest
            They are not an object.
        InvalidInput
            One does not fit its type; it is named.
        """
        if given is not None and type(given) is not dict:
            raise InvalidRequest(
                "'params' must be an object.",
                fix='Send e.g. {"params": {"name": value}} beside the data.',
                code="invalid_params",
            )
        if not given or self.defaults is None:
            return self.absent
        params = dict(self.defaults)
        for name, param in self.known.items():
            if name in given:
                try:
                    params[name] = param.check(given[name])
                except Misfit as misfit:
                    raise _refusal(param, misfit.problem) from None
        try:
            return params, orjson.dumps(params, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            raise InvalidInput(
                "A param holds a number beyond 64 bits or is nested too deep.",
                fix="Send numbers that fit into 64 bits.",
                code="invalid_param",
            ) from None


def _refusal(param: Param, problem: str) -> InvalidInput:
    expected = f"list of {param.kind}" if param.many else str(param.kind)
    return InvalidInput(
        f"The param '{param.name}' must be of type {expected}.",
        reason=f"The value sent {problem}.",
        fix="Send a value of that type, or leave the param out to get its default.",
        code="invalid_param",
    )
