"""A pipeline as data: steps in sequence, switches, parallel branches, ensembles.

A row runs through the graph with a context, its fields by name. A step takes its endpoint's inputs
from the context and adds what the endpoint answers. A graph is the same whether it was written as
text or in Python, and its JSON form is what a version of a pipeline keeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from mlops_jupyter.pipelines.expression import parse_expression, write_expression
from mlops_jupyter.pipelines.syntax import InvalidPipeline
from mlops_jupyter.types import ModelRef, ModelVersion, check_name

FLAVOR = "mlops_pipeline"
"""The flavour in the MLmodel file that holds the graph."""

ONLY = ""
"""In a mapping, the only input or output that an endpoint has, whatever it is called."""

MAX_STEPS = 200
MAX_DEPTH = 16
MAX_RETRIES = 10
MAX_SECONDS = 3600.0
FIRST_WAIT = 0.1

Scalar = str | int | float | bool | None
By = Literal["mean", "vote", "max"]


class _Part(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What all parts of a graph share."""


class Step(_Part, frozen=True, tag="step", tag_field="node"):
    """A call of an endpoint.

    Attributes
    ----------
    name
        Unique in the graph; records and errors name the step by it.
    version, alias
        A version of the endpoint that is asked past its traffic; None follows the traffic.
    takes
        Field by the endpoint's input; inputs that are not named take the field of their name.
    gives
        The endpoint's output by the field that it becomes; empty is all of them, by their names.
    timeout, retries, wait
        Longest seconds for one attempt, further attempts after a failure, and the seconds before
        the first of them, which double from one to the next.
    fallback, constants
        What answers when all attempts have failed: another endpoint, or values by field.
    """

    name: str
    endpoint: str
    version: int | None = None
    alias: str | None = None
    takes: dict[str, str] = {}
    gives: dict[str, str] = {}
    timeout: float | None = None
    retries: int = 0
    wait: float = FIRST_WAIT
    fallback: str | None = None
    constants: dict[str, Scalar] | None = None

    @property
    def ref(self) -> str:
        """``ocr``, ``ocr/3`` or ``ocr@champion``."""
        return str(ModelRef(self.endpoint, self.version, self.alias))

    @property
    def instead(self) -> Step | None:
        """The step that answers when this one cannot, if it is one."""
        if self.fallback is None:
            return None
        ref = ModelRef.parse(self.fallback)
        return Step(
            self.name, ref.name, ref.version, ref.alias, self.takes, self.gives, self.timeout
        )


class Switch(_Part, frozen=True, tag="switch", tag_field="node"):
    """Rows for which the expression `on` holds go through `then`, the others `otherwise`."""

    on: str
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()


class Parallel(_Part, frozen=True, tag="parallel", tag_field="node"):
    """Branches that run at once, each from the same context; what they give joins."""

    branches: tuple[tuple[Node, ...], ...]


class Ensemble(_Part, frozen=True, tag="ensemble", tag_field="node"):
    """Steps that run at once, and whose single answers become one, called `gives`."""

    by: By
    members: tuple[Step, ...]
    gives: str = "ensemble"


Node = Step | Switch | Parallel | Ensemble


class Graph(_Part, frozen=True):
    """A whole pipeline.

    Attributes
    ----------
    takes
        Types of the fields that a caller sends, where they are not left to the steps; a name that
        ends with ``?`` may be left out.
    returns
        Fields of the answer; empty is what the last step gives.
    """

    nodes: tuple[Node, ...]
    returns: tuple[str, ...] = ()
    takes: dict[str, str] = {}

    @property
    def steps(self) -> list[Step]:
        """Every step, in the order of the text."""
        return list(_steps(self.nodes))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document

    @classmethod
    def from_dict(cls, document: Any) -> Graph:
        """Read the JSON form and check it; raise InvalidPipeline."""
        try:
            graph = msgspec.convert(document, cls)
        except (msgspec.ValidationError, RecursionError) as error:
            raise InvalidPipeline(
                "This is not the graph of a pipeline.", reason=f"{error}."
            ) from None
        return checked(graph)


def _steps(nodes: Sequence[Node]) -> Iterator[Step]:
    for node in nodes:
        if isinstance(node, Step):
            yield node
        for inner in inside(node):
            yield from _steps(inner)


def inside(node: Node) -> tuple[tuple[Node, ...], ...]:
    """The sequences that a node is made of."""
    if isinstance(node, Switch):
        return (node.then, node.otherwise)
    if isinstance(node, Parallel):
        return node.branches
    return (node.members,) if isinstance(node, Ensemble) else ()


def checked(graph: Graph) -> Graph:
    """The graph with its expressions in their canonical form; raise InvalidPipeline."""
    _check_depth(graph.nodes, MAX_DEPTH)
    steps = graph.steps
    if not steps:
        raise InvalidPipeline(
            "The pipeline has no step.", fix="Write a step a line, each the name of an endpoint."
        )
    if len(steps) > MAX_STEPS:
        raise InvalidPipeline(
            f"The pipeline has {len(steps)} steps; {MAX_STEPS} are allowed.",
            fix="Make a pipeline of its own of a part of them; it can be a step.",
        )
    for step in steps:
        _check_step(step)
    for name, count in Counter(step.name for step in steps).items():
        if count > 1:
            raise InvalidPipeline(
                f"{count} steps are called '{name}'.",
                reason="Records and errors tell steps apart by their names.",
                fix=f"Give one of them a name: {name} as {name}-2.",
            )
    if len(set(graph.returns)) != len(graph.returns):
        raise InvalidPipeline("A field is returned twice.", fix="Name each field once.")
    return msgspec.structs.replace(graph, nodes=_canonical(graph.nodes))


def _check_depth(nodes: Sequence[Node], left: int) -> None:
    if not left:
        raise InvalidPipeline(
            f"The pipeline is nested deeper than {MAX_DEPTH} levels.",
            fix="Make a pipeline of its own of the inner part; it can be a step.",
        )
    for node in nodes:
        inner = inside(node)
        if isinstance(node, (Parallel, Ensemble)):
            _check_branches(inner[0] if isinstance(node, Ensemble) else inner)
        if isinstance(node, Switch) and not node.then:
            raise InvalidPipeline(
                "A switch has no step for the rows for which it holds.",
                fix="Write the steps below it, indented.",
            )
        for sequence in inner:
            _check_depth(sequence, left - 1)


def _check_branches(branches: Sequence[Any]) -> None:
    if len(branches) < 2 or not all(branches):
        raise InvalidPipeline(
            "'parallel' and 'ensemble' need at least two branches with steps.",
            fix="Write a step a line below it, indented.",
        )


def _check_step(step: Step) -> None:
    check_name(step.endpoint, "endpoint name")
    check_name(step.name, "step name")
    if step.alias is not None:
        check_name(step.alias, "alias")
    if step.version is not None and (step.version < 1 or step.alias is not None):
        raise InvalidPipeline(f"Step '{step.name}' names no version.", fix="Write e.g. ocr/3.")
    if step.timeout is not None and not 0 < step.timeout <= MAX_SECONDS:
        raise _out_of_bounds(step, "timeout", f"over 0 s and at most {MAX_SECONDS:.0f} s")
    if not 0 <= step.retries <= MAX_RETRIES:
        raise _out_of_bounds(step, "retry", f"from 0 to {MAX_RETRIES}")
    if not 0 <= step.wait <= MAX_SECONDS:
        raise _out_of_bounds(step, "wait", f"from 0 s to {MAX_SECONDS:.0f} s")
    if step.fallback is not None:
        ModelRef.parse(step.fallback)
        if step.constants is not None:
            raise InvalidPipeline(f"Step '{step.name}' has two fallbacks.", fix="Keep one.")
    for name, given in ((step.takes, "takes"), (step.gives, "gives")):
        if any(not field for field in (name.values() if given == "takes" else name)):
            raise InvalidPipeline(f"Step '{step.name}' {given} a field without a name.")


def _out_of_bounds(step: Step, option: str, bounds: str) -> InvalidPipeline:
    return InvalidPipeline(
        f"The {option} of step '{step.name}' must be {bounds}.", fix="Choose another value."
    )


def _canonical(nodes: Sequence[Any]) -> tuple[Any, ...]:
    found: list[Node] = []
    for node in nodes:
        if isinstance(node, Switch):
            on = write_expression(parse_expression(node.on))
            found.append(Switch(on, _canonical(node.then), _canonical(node.otherwise)))
        elif isinstance(node, Parallel):
            found.append(Parallel(tuple(_canonical(branch) for branch in node.branches)))
        else:
            found.append(node)
    return tuple(found)


def is_pipeline(version: ModelVersion) -> bool:
    """Whether a version is a pipeline."""
    return FLAVOR in version.flavors


def graph_of(version: ModelVersion) -> Graph | None:
    """The graph of a version that is a pipeline; None for any other."""
    described = version.flavors.get(FLAVOR)
    return Graph.from_dict(described.get("graph")) if isinstance(described, Mapping) else None
