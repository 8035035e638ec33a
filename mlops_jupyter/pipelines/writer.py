"""The canonical text of a pipeline, which reads as the same graph; see ``text.py`` for the form."""

from __future__ import annotations

from mlops_jupyter.pipelines.expression import write_literal
from mlops_jupyter.pipelines.graph import FIRST_WAIT, ONLY, Ensemble, Graph, Node, Step, Switch
from mlops_jupyter.pipelines.syntax import KEYWORDS, write_field
from mlops_jupyter.types import ModelRef

_INDENT = "    "


def write_pipeline(graph: Graph) -> str:
    """The canonical text."""
    lines = []
    if graph.takes:
        wanted = (
            f"{write_field(name.removesuffix('?'))}{'?' if name.endswith('?') else ''}: {kind}"
            for name, kind in graph.takes.items()
        )
        lines.append(f"take {', '.join(wanted)}")
    lines += _write(graph.nodes, "")
    if graph.returns:
        lines.append(f"return {', '.join(map(write_field, graph.returns))}")
    return "\n".join(lines) + "\n"


def _write(nodes: tuple[Node, ...], indent: str) -> list[str]:
    lines: list[str] = []
    for node in nodes:
        if isinstance(node, Step):
            lines.append(indent + write_step(node))
        elif isinstance(node, Switch):
            lines += _write_switch(node, indent, "switch")
        elif isinstance(node, Ensemble):
            lines.append(f"{indent}ensemble {node.by} -> {write_field(node.gives)}:")
            lines += _write(node.members, indent + _INDENT)
        else:
            lines.append(f"{indent}parallel:")
            for branch in node.branches:
                inner = indent + _INDENT
                if len(branch) > 1:
                    lines.append(f"{inner}branch:")
                    inner += _INDENT
                lines += _write(branch, inner)
    return lines


def _write_switch(node: Switch, indent: str, word: str) -> list[str]:
    lines = [f"{indent}{word} {node.on}:", *_write(node.then, indent + _INDENT)]
    if len(node.otherwise) == 1 and isinstance(node.otherwise[0], Switch):
        lines += _write_switch(node.otherwise[0], indent, "elif")
    elif node.otherwise:
        lines += [f"{indent}else:", *_write(node.otherwise, indent + _INDENT)]
    return lines


def write_step(step: Step) -> str:
    """A step's line."""
    text = _write_ref(step.ref)
    if step.name != step.endpoint:
        text += f" as {_write_name(step.name)}"
    if step.takes:
        wanted = (
            write_field(field) if key == ONLY else f"{write_field(key)}={write_field(field)}"
            for key, field in step.takes.items()
        )
        text += f"({', '.join(wanted)})"
    if step.gives:
        given = (
            write_field(field) if source == ONLY else f"{write_field(field)}={write_field(source)}"
            for field, source in step.gives.items()
        )
        text += f" -> {', '.join(given)}"
    options = []
    if step.timeout is not None:
        options.append(f"timeout={_write_seconds(step.timeout)}")
    if step.retries:
        options.append(f"retry={step.retries}")
    if step.wait != FIRST_WAIT:
        options.append(f"wait={_write_seconds(step.wait)}")
    if step.fallback is not None:
        options.append(f"fallback={_write_ref(step.fallback)}")
    if step.constants is not None:
        values = (f"{write_field(f)}: {write_literal(v)}" for f, v in step.constants.items())
        options.append(f"fallback={{{', '.join(values)}}}")
    return f"{text}  {' '.join(options)}" if options else text


def _write_name(name: str) -> str:
    return f"`{name}`" if name in KEYWORDS else name


def _write_ref(ref: str) -> str:
    name = ModelRef.parse(ref).name
    return _write_name(name) + ref[len(name) :]


def _write_seconds(seconds: float) -> str:
    milliseconds = round(seconds * 1000, 6)
    return f"{milliseconds:g}ms" if seconds < 1 else f"{seconds:g}s"
