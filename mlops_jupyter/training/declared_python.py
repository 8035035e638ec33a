"""The parameters that a cell of Python declares: its assignments, annotations and comments."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import replace

from mlops_jupyter.training.declaration import Parameter, json_like, type_of, with_default
from mlops_jupyter.types import InvalidRequest

_MAGIC_LINE = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
_MAGIC_VALUE = re.compile(r"^(\s*\w+\s*=\s*)[%!].*$", re.MULTILINE)
_TYPE_COMMENT = re.compile(r"type:\s*([^\s#]+)\s*(.*)", re.DOTALL)
_TYPES = {
    **{name: name for name in ("int", "float", "str", "bool", "list", "dict", "any")},
    **dict.fromkeys(("List", "Sequence", "tuple", "Tuple", "Iterable"), "list"),
    **dict.fromkeys(("Dict", "Mapping", "MutableMapping"), "dict"),
    "Any": "any",
    "None": "none",
}


def read_python(source: str) -> Iterator[Parameter]:
    """Yield the parameters that the source of a cell assigns at its top.

    Raises InvalidRequest ``parameters_unreadable`` where it is not Python.
    """
    source = _MAGIC_VALUE.sub(r"\1...", _MAGIC_LINE.sub(r"\1pass", source))
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise InvalidRequest(
            "The cell tagged 'parameters' is not Python that can be read.",
            reason=f"Line {line} of it is wrong." if line else "",
            fix="Correct the cell; the run would fail there, too.",
            code="parameters_unreadable",
        ) from error
    comments = _comments(source)
    for node in body:
        comment = comments.get(node.end_lineno or 0, "")
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                annotated = _annotated(annotation, Parameter(name))
                yield _python(annotated, value, source, comment)
            case ast.Assign(targets=targets, value=value):
                for name, part in _assigned(targets, value):
                    yield _python(Parameter(name), part, source, comment)


def _assigned(targets: list[ast.expr], value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    for target in targets:
        match target, value:
            case ast.Name(id=name), _:
                yield name, value
            case ast.Tuple(elts=inner), ast.Tuple(elts=parts) if len(inner) == len(parts):
                for each, part in zip(inner, parts, strict=True):
                    yield from _assigned([each], part)


def _python(parameter: Parameter, value: ast.expr | None, source: str, comment: str) -> Parameter:
    typed = _TYPE_COMMENT.fullmatch(comment)
    if typed and parameter.type == "any":
        comment = typed[2]
        parameter = _annotated_by_text(typed[1], parameter)
    if value is None:
        return replace(parameter, required=True, help=comment)
    text = ast.get_source_segment(source, value) or ""
    parameter = replace(parameter, text=text, help=comment)
    try:
        known = json_like(ast.literal_eval(value))
    except (ValueError, TypeError, RecursionError, MemoryError):
        if isinstance(value, ast.JoinedStr) and parameter.type == "any":
            return replace(parameter, type="str")
        return parameter
    return with_default(parameter, known)


def _annotated(node: ast.expr, parameter: Parameter) -> Parameter:
    """Return `parameter` with what an annotation says; unknown ones say ``any``."""
    match node:
        case ast.Constant(value=str(text)):
            return _annotated_by_text(text, parameter)
        case ast.Constant(value=None):
            return replace(parameter, type="none", optional=True)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return replace(parameter, type=_TYPES.get(name, "any"))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right], parameter)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            parameter = _subscripted(name, members, parameter)
    return parameter


def _annotated_by_text(text: str, parameter: Parameter) -> Parameter:
    try:
        return _annotated(ast.parse(text, mode="eval").body, parameter)
    except SyntaxError:
        return parameter


def _subscripted(name: str, members: list[ast.expr], parameter: Parameter) -> Parameter:
    if name in ("Optional", "Union"):
        optional = parameter.optional or name == "Optional"
        return _union(members, replace(parameter, optional=optional))
    if name in ("Annotated", "Final") and members:
        return _annotated(members[0], parameter)
    if name == "Literal":
        return _literal(members, parameter)
    return replace(parameter, type=_TYPES.get(name, "any"))


def _union(members: list[ast.expr], parameter: Parameter) -> Parameter:
    each = [_annotated(member, parameter) for member in members]
    types = {member.type for member in each if member.type != "none"}
    optional = parameter.optional or any(member.optional for member in each)
    kind = "float" if types == {"int", "float"} else types.pop() if len(types) == 1 else "any"
    return replace(parameter, type=kind, optional=optional)


def _literal(members: list[ast.expr], parameter: Parameter) -> Parameter:
    choices = tuple(member.value for member in members if isinstance(member, ast.Constant))
    known = tuple(choice for choice in choices if isinstance(choice, (str, int)))
    types = {type_of(choice) for choice in known}
    return replace(
        parameter,
        type=types.pop() if len(types) == 1 else "any",
        choices=known if len(known) + choices.count(None) == len(members) else (),
        optional=None in choices,
    )


def _comments(source: str) -> dict[int, str]:
    """Return the comment of each line that has one, by number from 1."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass
    return found
