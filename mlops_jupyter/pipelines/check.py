"""Whether a graph can run: each step's inputs against what the steps before it give. Pure.

It walks the graph with the signatures of what the endpoints serve now, and finds at the same time
what the pipeline itself takes and gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_jupyter.pipelines.binding import gives_of, source_of
from mlops_jupyter.pipelines.declared import parse_type
from mlops_jupyter.pipelines.expression import fields_of, parse_expression, sort_of
from mlops_jupyter.pipelines.fieldtype import (
    ANY,
    Cells,
    FieldType,
    as_kind,
    common,
    fits,
    nullable,
    sort_of_type,
    type_of,
)
from mlops_jupyter.pipelines.graph import Ensemble, Graph, Node, Parallel, Step, Switch
from mlops_jupyter.pipelines.served import Checked, Endpoints, PipelineMisfit, Served
from mlops_jupyter.pipelines.syntax import write_field
from mlops_jupyter.serving.columns import Column
from mlops_jupyter.serving.nested import LEAVES, Kind
from mlops_jupyter.serving.signature import Signature
from mlops_jupyter.types import MlopsError, ModelRef, did_you_mean


@dataclass(frozen=True)
class _Known:
    """A field at one place of the graph: its type, whether every row has it, who gives it."""

    kind: FieldType
    sure: bool
    by: str


_Fields = dict[str, _Known]
_Given = tuple[_Fields, tuple[str, ...]]


def check(graph: Graph, endpoints: Endpoints) -> Checked:
    """Check a graph; raises PipelineMisfit with the step, the field and both types."""
    return _Check(graph, endpoints).whole()


class _Check:
    """Walks a graph and collects what it takes."""

    def __init__(self, graph: Graph, endpoints: Endpoints) -> None:
        self._graph = graph
        self._endpoints = endpoints
        self._takes: dict[str, tuple[FieldType, bool]] = {}
        self._closed = bool(graph.takes)

    def whole(self) -> Checked:
        known: _Fields = {}
        for name, text in self._graph.takes.items():
            plain = name.removesuffix("?")
            declared = parse_type(plain, text)
            known[plain] = _Known(declared, plain == name, "the caller")
            self._takes[plain] = (declared, plain == name)
        fields, gave = self._sequence(self._graph.nodes, known)
        names = self._graph.returns or gave
        if not self._graph.returns:
            self._check_end(self._graph.nodes[-1], fields, gave)
        for name in names:
            if name not in fields and name in self._takes:
                kind, required = self._takes[name]
                fields[name] = _Known(kind, required, "the caller")
            if name not in fields:
                raise PipelineMisfit(
                    f"The pipeline returns '{name}', which no step gives.",
                    reason=did_you_mean(name, fields),
                    fix=f"Return one of: {', '.join(fields)}.",
                    code="missing_field",
                )
        gives = {name: (fields[name].kind, fields[name].sure) for name in names}
        if not self._takes:
            raise PipelineMisfit(
                "The pipeline takes nothing from its caller.",
                reason="None of its steps has an input that the caller could send.",
                fix="Let the first step take a field.",
            )
        return Checked(
            self._takes, {name: (_answered(k), sure) for name, (k, sure) in gives.items()}
        )

    def _check_end(self, last: Node, fields: _Fields, gave: tuple[str, ...]) -> None:
        unsure = [name for name in gave if not fields[name].sure]
        if isinstance(last, Switch) and (unsure or not last.otherwise):
            raise PipelineMisfit(
                "The pipeline ends with a switch whose ways give different fields.",
                reason="So it is not clear what its answer is.",
                fix=f"Say it in the last line: return {', '.join(map(write_field, gave))}.",
                code="no_answer",
            )

    def _sequence(self, nodes: Sequence[Node], known: _Fields) -> _Given:
        gave: tuple[str, ...] = ()
        for node in nodes:
            known, gave = self._node(node, known)
        return known, gave

    def _node(self, node: Node, known: _Fields) -> _Given:
        if isinstance(node, Step):
            given = self._step(node, known)
            return {**known, **given}, tuple(given)
        if isinstance(node, Switch):
            return self._switch(node, known)
        if isinstance(node, Parallel):
            return self._parallel(node, known)
        return self._ensemble(node, known)

    # -- steps --------------------------------------------------------------------------------

    def _step(self, step: Step, known: _Fields) -> _Fields:
        given = self._call(step, known)
        if step.instead is not None:
            other = self._call(step.instead, known)
            if list(other) != list(given):
                raise PipelineMisfit(
                    f"The fallback '{step.fallback}' of step '{step.name}' gives other fields.",
                    reason=f"It gives {', '.join(other)}; the step gives {', '.join(given)}.",
                    fix="Name the fields that both give after '->'.",
                    code="wrong_fallback",
                )
            for name, field_ in other.items():
                given[name] = self._joined(name, [given[name], field_])
        if step.constants is not None:
            self._check_constants(step, given)
        return given

    def _call(self, step: Step, known: _Fields) -> _Fields:
        served = self._served(step)
        wanted = self._version(step, served)
        for number in (wanted,) if wanted is not None else served.answering:
            self._check_inputs(step, served.signatures[number], known)
        signature = served.signatures[wanted if wanted is not None else served.main]
        if not signature.outputs:
            raise PipelineMisfit(
                f"Step '{step.name}': the signature of {signature.ref} has no outputs.",
                reason="So it cannot be checked what goes on to the next step.",
                fix="Register the model again with an example that it can predict.",
                code="no_outputs",
            )
        outputs = {item.key: type_of(item) for item in signature.outputs}
        only = signature.outputs[0]
        unnamed = len(outputs) == 1 and (
            not only.named if isinstance(only, Column) else only.name is None
        )
        try:
            gives = gives_of(step, list(outputs), unnamed=unnamed)
        except MlopsError as error:
            raise PipelineMisfit(
                f"Step '{step.name}': {error.message}",
                reason=error.reason, fix=error.fix, code=error.code,
            ) from None  # fmt: skip
        by = f"step '{step.name}'"
        return {name: _Known(outputs[key], True, by) for name, key in gives.items()}

    def _served(self, step: Step) -> Served:
        served = self._endpoints.find(step.endpoint)
        if served is not None:
            return served
        if step.endpoint in self._endpoints.undeployed:
            raise PipelineMisfit(
                f"Step '{step.name}': endpoint '{step.endpoint}' is undeployed.",
                fix=f"Bring it back first: %deploy {step.endpoint}.",
                code="unknown_endpoint",
            )
        hint = did_you_mean(step.endpoint, self._endpoints.names)
        raise PipelineMisfit(
            f"Step '{step.name}': there is no endpoint '{step.endpoint}'.",
            reason=hint,
            fix=f"Deploy it first: %deploy {step.endpoint}.",
            code="unknown_endpoint",
        )

    def _version(self, step: Step, served: Served) -> int | None:
        ref = ModelRef(step.endpoint, step.version, step.alias)
        if step.alias is not None and step.alias not in served.aliases:
            known = ", ".join(sorted(served.aliases)) or "none"
            raise PipelineMisfit(
                f"Step '{step.name}': endpoint '{step.endpoint}' serves no version that is "
                f"'{ref}'.",
                reason=f"Aliases of what it serves: {known}.",
                fix=f"%promote {step.endpoint} VERSION --alias {step.alias}, or leave it out to "
                "follow the endpoint's traffic.",
                code="alias_not_served",
            )
        version = served.aliases[step.alias] if step.alias is not None else step.version
        if version is not None and version not in served.signatures:
            raise PipelineMisfit(
                f"Step '{step.name}': endpoint '{step.endpoint}' does not serve version {version}.",
                reason=f"It serves {', '.join(map(str, sorted(served.signatures)))}.",
                fix="Give the version traffic or a shadow first, or leave it out.",
                code="version_not_served",
            )
        return version

    def _check_inputs(self, step: Step, signature: Signature, known: _Fields) -> None:
        items = signature.inputs
        keys = {item.key for item in items}
        strange = [key for key in step.takes if key and key not in keys]
        if strange or ("" in step.takes and len(items) != 1):
            key = strange[0] if strange else ""
            raise PipelineMisfit(
                f"Step '{step.name}': {signature.ref} has no input '{key}'."
                if key
                else f"Step '{step.name}': {signature.ref} has {len(items)} inputs.",
                reason=did_you_mean(key, keys) if key else f"They are {', '.join(sorted(keys))}.",
                fix="Write input=field for inputs that the endpoint has.",
                code="unknown_input",
            )
        for item in items:
            name = source_of(step, item.key, items)
            unnamed = not item.named if isinstance(item, Column) else item.name is None
            if unnamed and "" not in step.takes and item.key not in step.takes:
                raise PipelineMisfit(
                    f"Step '{step.name}': the input of {signature.ref} has no name.",
                    reason="So no field can be taken for it by name.",
                    fix=f"Say which: {step.ref}({next(reversed(known), 'x')}).",
                    code="unnamed_input",
                )
            required = not isinstance(item, Column) or item.required
            self._check_input(step, item.key, name, type_of(item), required, known)

    def _check_input(
        self, step: Step, key: str, name: str, wanted: FieldType, required: bool, known: _Fields
    ) -> None:
        here = known.get(name)
        if here is None:
            self._take(step, name, wanted, required, known)
            return
        if not here.sure and required:
            raise PipelineMisfit(
                f"Step '{step.name}' takes '{name}', which not every row has.",
                reason=f"It is given by {here.by}, for some rows only.",
                fix="Give it in the other way of the switch as well, or before the switch.",
                code="field_may_be_missing",
            )
        if not fits(here.kind, wanted):
            raise PipelineMisfit(
                f"Step '{step.name}': '{name}' is {here.kind}, and the input '{key}' takes "
                f"{wanted}.",
                reason=f"It is given by {here.by}.",
                fix=f"Take another field, {step.ref}({write_field(key)}=…), or change one of the "
                "models.",
                code="wrong_type",
            )

    def _take(
        self, step: Step, name: str, wanted: FieldType, required: bool, known: _Fields
    ) -> None:
        """Let the caller send a field that no step gives."""
        if self._closed:
            if not required:
                return
            raise PipelineMisfit(
                f"Step '{step.name}' takes '{name}', which no step before it gives.",
                reason=did_you_mean(name, known),
                fix=f"Add it to 'take', or say which field it is: {step.ref}({name}=…).",
                code="missing_field",
            )
        kind: FieldType = as_kind(wanted)
        before = self._takes.get(name)
        if before is not None:
            if not (fits(before[0], kind) or fits(kind, before[0])):
                raise PipelineMisfit(
                    f"Step '{step.name}' takes '{name}' as {kind}, another step as {before[0]}.",
                    fix=f"Take two fields: {step.ref}({write_field(name)}=another).",
                    code="wrong_type",
                )
            kind = before[0] if fits(before[0], kind) else kind
            required = required or before[1]
        self._takes[name] = (kind, required)

    def _check_constants(self, step: Step, given: _Fields) -> None:
        assert step.constants is not None
        if step.constants.keys() != given.keys():
            raise PipelineMisfit(
                f"The fallback of step '{step.name}' has other fields than the step.",
                reason=f"The step gives {', '.join(given)}.",
                fix="Write a value for each of them.",
                code="wrong_fallback",
            )
        for name, value in step.constants.items():
            kind = Kind(
                {str: "string", bool: "boolean", int: "long", float: "double"}.get(
                    type(value), "any"
                )
            )
            wanted = given[name].kind
            if value is None:
                given[name] = _Known(nullable(wanted), False, given[name].by)
            elif not fits(kind, wanted) and not (type(value) is int and _whole(wanted)):
                raise PipelineMisfit(
                    f"The fallback of step '{step.name}' for '{name}' is not {wanted}.",
                    fix="Write a value of that type.",
                    code="wrong_fallback",
                )

    # -- what splits and joins ----------------------------------------------------------------

    def _switch(self, node: Switch, known: _Fields) -> _Given:
        self._check_condition(node.on, known)
        ways = [self._sequence(nodes, dict(known)) for nodes in (node.then, node.otherwise)]
        joined = dict(known)
        for name in dict.fromkeys(name for fields, _ in ways for name in fields):
            here = [fields.get(name) for fields, _ in ways]
            present = [one for one in here if one is not None]
            joined[name] = self._joined(name, present)
            if len(present) < len(here) and name not in self._takes:
                one = present[0]
                joined[name] = _Known(nullable(one.kind), False, one.by)
        gave = dict.fromkeys(name for _, names in ways for name in names)
        return joined, tuple(gave)

    def _joined(self, name: str, ways: Sequence[_Known]) -> _Known:
        kind = ways[0].kind
        for other in ways[1:]:
            if not (fits(kind, other.kind) or fits(other.kind, kind)):
                raise PipelineMisfit(
                    f"'{name}' is {kind} by {ways[0].by}, and {other.kind} by {other.by}.",
                    reason="After a switch a field has one type, whichever way a row went.",
                    fix="Give one of them another name: -> name.",
                    code="wrong_type",
                )
            kind = common(kind, other.kind)
        return _Known(kind, all(way.sure for way in ways), ways[-1].by)

    def _check_condition(self, on: str, known: _Fields) -> None:
        expression = parse_expression(on)
        sorts = {}
        for name in fields_of(expression):
            if name in known:
                sorts[name] = sort_of_type(known[name].kind)
            elif name in self._takes:
                sorts[name] = sort_of_type(self._takes[name][0])
            else:
                fields = [*known, *self._takes]
                raise PipelineMisfit(
                    f"The switch '{on}' is on '{name}', which no step before it gives.",
                    reason=did_you_mean(name, fields),
                    fix=f"Use one of: {', '.join(fields)}; or send it: take {name}: string.",
                    code="missing_field",
                )
        try:
            sort = sort_of(expression, sorts)
        except ValueError as problem:
            raise PipelineMisfit(
                f"The switch '{on}' cannot be decided: {problem}.",
                fix="Compare text with text in quotes, and numbers with numbers.",
                code="wrong_type",
            ) from None
        if sort not in ("truth", "any"):
            raise PipelineMisfit(
                f"The switch '{on}' is neither true nor false.",
                fix="Compare the value with something.",
                code="wrong_type",
            )

    def _parallel(self, node: Parallel, known: _Fields) -> _Given:
        joined = dict(known)
        names: dict[str, None] = {}
        for branch in node.branches:
            fields, gave = self._sequence(branch, dict(known))
            for name, field_ in fields.items():
                if known.get(name) is field_:
                    continue
                if joined.get(name) is not known.get(name):
                    raise PipelineMisfit(
                        f"Two branches give '{name}': {joined[name].by} and {field_.by}.",
                        reason="Branches run at once, so neither is the last.",
                        fix="Give one of them another name: -> name.",
                        code="given_twice",
                    )
                joined[name] = field_
            names |= dict.fromkeys(gave)
        return joined, tuple(names)

    def _ensemble(self, node: Ensemble, known: _Fields) -> _Given:
        kinds = []
        for member in node.members:
            given = self._step(member, known)
            if len(given) != 1:
                raise PipelineMisfit(
                    f"Step '{member.name}' of an ensemble gives {len(given)} fields: "
                    f"{', '.join(given)}.",
                    fix="Name the one that counts after '->'.",
                    code="wrong_ensemble",
                )
            kinds.append(next(iter(given.values())))
        kind = _combined(node, [one.kind for one in kinds])
        sure = all(one.sure for one in kinds)
        return {**known, node.gives: _Known(kind, sure, f"ensemble '{node.gives}'")}, (node.gives,)


def _combined(node: Ensemble, kinds: Sequence[FieldType]) -> FieldType:
    if node.by == "vote":
        return kinds[0] if all(kind == kinds[0] for kind in kinds) else ANY
    for member, kind in zip(node.members, kinds, strict=True):
        inner = as_kind(kind)
        while inner.of is not None and inner.name == "array":
            inner = inner.of
        if inner.name not in ("double", "float", "long", "integer", "boolean", "any"):
            raise PipelineMisfit(
                f"Step '{member.name}' gives {kind}, and an ensemble by {node.by} takes numbers.",
                fix="Use 'ensemble vote', or steps that give numbers.",
                code="wrong_ensemble",
            )
    flat = all(isinstance(kind, Kind) and kind.name in LEAVES for kind in kinds)
    return Kind("double") if flat else ANY


def _answered(kind: FieldType) -> FieldType:
    return as_kind(kind) if isinstance(kind, Cells) else kind


def _whole(kind: FieldType) -> bool:
    return isinstance(kind, Kind) and kind.name in ("integer", "long", "float", "double")
