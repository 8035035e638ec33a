"""Parameters of a run: what the notebook declares, and whether what is given fits it.

Papermill only warns of an unknown name and pastes it into the cell as it is; here a run with an
unknown name, a wrong type or a value that would be written wrongly is refused before it starts.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

from mlops_jupyter.training.declaration import Parameter, type_of
from mlops_jupyter.training.declared_lines import read_lines
from mlops_jupyter.training.declared_python import read_python
from mlops_jupyter.training.notebook import Notebook
from mlops_jupyter.training.translation import Translation, translation
from mlops_jupyter.types import InvalidRequest, TooLarge, did_you_mean

__all__ = [
    "MAX_BYTES",
    "MAX_VALUE_BYTES",
    "Parameter",
    "check",
    "declared",
    "parse_value",
    "provenance",
]

MAX_VALUE_BYTES = 64 << 10
"""Most bytes of one value as JSON."""
MAX_BYTES = 1 << 20
"""Most bytes of all values together."""
MAX_DEPTH = 32

Source = Literal["default", "given", "schedule", "sweep"]

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WORDS = {"True": True, "False": False, "None": None}
_SAID = {
    **{"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"},
    **{"list": "a list", "dict": "a mapping", "none": "None"},
}


def declared(notebook: Notebook) -> tuple[Parameter, ...]:
    """Return the parameters in the order of the cell; none where no cell has the tag.

    Raises InvalidRequest ``parameters_unreadable`` where the cell is not Python.
    """
    cell = notebook.parameters_cell
    return () if cell is None else _read(notebook.kernel, notebook.language, cell.source)


def check(notebook: Notebook, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `given`, with which the notebook can be run.

    For a float the texts ``NaN``, ``Infinity`` and ``-Infinity`` are numbers, because JSON has no
    others for them.

    Raises
    ------
    InvalidRequest
        ``no_parameters_cell``, ``unsupported_language``, ``invalid_parameter_name``,
        ``unknown_parameter``, ``wrong_type``, ``unwritable_value`` or ``missing_parameter``.
    TooLarge
        A value, or all of them, take too much room.
    """
    known = {parameter.name: parameter for parameter in declared(notebook)}
    language = _language(notebook) if given else None
    checked: dict[str, Any] = {}
    total = 0
    for name, value in given.items():
        assert language is not None
        parameter = _find(name, known, language)
        total += _check_size(parameter, value)
        checked[name] = _as_number(parameter, value)
        _check_type(parameter, checked[name])
        _check_translation(parameter, checked[name], language)
    if total > MAX_BYTES:
        raise _too_large("The parameters", total, MAX_BYTES)
    for parameter in known.values():
        if parameter.required and parameter.name not in checked:
            raise InvalidRequest(
                f"The parameter '{parameter.name}' needs a value.",
                reason="The notebook declares it without a default.",
                fix=f"Give one, such as -p {parameter.name} …, or write a default into the cell.",
                code="missing_parameter",
            )
    return checked


def parse_value(text: str, parameter: Parameter | None = None) -> Any:
    """Read a value that was typed, as the parameter's type has it; raise InvalidRequest.

    Without a type it is JSON, or True, False or None, or else the text itself.
    """
    kind = parameter.type if parameter else "any"
    if parameter and parameter.optional and text in ("None", "null"):
        return None
    value: Any
    if kind == "str":
        value = text
    elif kind == "bool":
        known = {"true": True, "false": False}.get(text.strip().lower())
        value = text if known is None else known
    elif kind == "float":
        value = _number(text, float)
    elif kind == "int":
        value = _number(text, int)
    else:
        value = _free(text, structured=kind in ("list", "dict"))
    if parameter:
        _check_type(parameter, value)
    return value


def json_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked values as JSON can hold them: those that are no finite numbers as texts."""
    return {name: _json_value(value) for name, value in values.items()}


def provenance(
    parameters: Iterable[Parameter], layers: Iterable[tuple[Source, Mapping[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """Return each parameter's value and where it is ``from``; a later layer wins."""
    known: dict[str, dict[str, Any]] = {
        parameter.name: {"value": parameter.default, "from": "default"}
        for parameter in parameters
        if parameter.has_default
    }
    for source, values in layers:
        known |= {name: {"value": value, "from": source} for name, value in values.items()}
    return known


@lru_cache(maxsize=64)
def _read(kernel: str, language: str, source: str) -> tuple[Parameter, ...]:
    """Read a cell; kept, because a sweep asks for the same one thousands of times."""
    if translation(kernel, language) is translation("", "python"):
        found = read_python(source)
    else:
        found = read_lines(source, language)
    return tuple({parameter.name: parameter for parameter in found}.values())


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _json_value(item) for key, item in value.items()}
    return value


def _language(notebook: Notebook) -> Translation:
    if notebook.parameters_cell is None:
        raise InvalidRequest(
            "The notebook takes no parameters.",
            reason="No cell has the tag 'parameters', whose values the given ones would replace.",
            fix="In JupyterLab select the cell with the defaults, open the property inspector "
            "(the gears at the top right), add the tag 'parameters' and save.",
            code="no_parameters_cell",
        )
    found = translation(notebook.kernel, notebook.language)
    if found is not None:
        return found
    if notebook.language:
        reason = f"Papermill cannot write values in {_shown(notebook.language)}."
        fix = "Pass the values by a file or by environment variables."
    else:
        reason = "It does not say which language it is in."
        fix = "Open it in JupyterLab with its kernel, and save it."
    raise InvalidRequest(
        "The notebook cannot be given parameters.",
        reason=reason,
        fix=fix,
        code="unsupported_language",
    )


def _find(name: str, known: Mapping[str, Parameter], language: Translation) -> Parameter:
    if not isinstance(name, str) or not language.is_identifier(name):
        raise InvalidRequest(
            f"{_shown(name)} cannot be the name of a parameter.",
            reason=f"It is not a name that {language.name} can assign to.",
            fix=did_you_mean(str(name)[:64], known) or "Use letters, digits and '_'.",
            code="invalid_parameter_name",
        )
    if name not in known:
        raise InvalidRequest(
            f"The notebook has no parameter {_shown(name)}.",
            reason="A parameter is assigned in the cell with the tag 'parameters'.",
            fix=did_you_mean(name, known) or "Assign it there, with its default.",
            code="unknown_parameter",
        )
    return known[name]


def _as_number(parameter: Parameter, value: Any) -> Any:
    if parameter.type == "float" and isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    return value


def _check_size(parameter: Parameter, value: Any) -> int:
    """Return the bytes of `value` as JSON; refuse what is too large, or no JSON."""
    try:
        _check_json(value, MAX_DEPTH)
        size = len(json.dumps(value, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        # of a ValueError the text would show the value
        why = "it holds half of a surrogate pair, or a number of thousands of digits"
        why = str(error) if isinstance(error, TypeError) else why
        raise InvalidRequest(
            f"The value of '{parameter.name}' cannot be written.",
            reason=f"{why[:1].upper()}{why[1:]}.",
            fix="Give a number, text, true, false, a list or a mapping; a path for anything else.",
            code="wrong_type",
        ) from None
    if size > MAX_VALUE_BYTES:
        raise _too_large(f"The value of '{parameter.name}'", size, MAX_VALUE_BYTES)
    return size


def _check_json(value: Any, depth: int) -> None:
    if depth == 0:
        raise TypeError(f"it is nested more than {MAX_DEPTH} times")
    if isinstance(value, list):
        for item in value:
            _check_json(item, depth - 1)
    elif isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("the keys of a mapping are texts")
        for item in value.values():
            _check_json(item, depth - 1)
    elif type_of(value) == "any":
        raise TypeError(f"a {type(value).__name__} is not a value of JSON")


def _check_type(parameter: Parameter, value: Any) -> None:
    given, wanted = type_of(value), parameter.type
    if value is None and (parameter.optional or wanted in ("any", "none")):
        return
    if wanted not in ("any", given) and not (wanted == "float" and given == "int"):
        default = f" (its default is {_shown(parameter.text)})" if parameter.text else ""
        raise InvalidRequest(
            f"The parameter '{parameter.name}' must be {_SAID[wanted]}{default}.",
            reason=f"What was given is {_SAID.get(given, 'something else')}.",
            fix="Give a whole number, or write the default with a point, such as 1.0."
            if (wanted, given) == ("int", "float")
            else "Give such a value, or change the default in the notebook.",
            code="wrong_type",
        )
    # a list may be what was given, and True is equal to 1
    if parameter.choices and (given, value) not in [(type_of(c), c) for c in parameter.choices]:
        raise InvalidRequest(
            f"The parameter '{parameter.name}' cannot have this value.",
            reason="The notebook allows " + ", ".join(map(repr, parameter.choices)) + ".",
            fix=did_you_mean(value, map(str, parameter.choices)) if given == "str" else "",
            code="wrong_type",
        )


def _check_translation(parameter: Parameter, value: Any, language: Translation) -> None:
    problem = language.problem(value)
    if language.name == "R" and isinstance(value, list) and parameter.text.startswith("c("):
        problem = "papermill writes a list(…) for R, where the notebook has a vector c(…)"
    if problem:
        raise InvalidRequest(
            f"The value of '{parameter.name}' would not reach the notebook as it is.",
            reason=f"{problem[:1].upper()}{problem[1:]}.",
            fix="Write it into a file, and let the parameter be the file's path.",
            code="unwritable_value",
        )


def _too_large(what: str, size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"{what} would take {size >> 10} kB; {limit >> 10} kB are allowed.",
        reason="Parameters are written into the notebook and kept with every run.",
        fix="Write the data into a file, and let the parameter be the file's path.",
    )


def _number(text: str, kind: type[int] | type[float]) -> Any:
    """Return the number, or the text where it is none, which the check of types refuses."""
    try:
        # int and float take 1_000, too, as Python's source does
        return kind(text)
    except ValueError:
        return text


def _free(text: str, *, structured: bool) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if structured:
        try:
            value = ast.literal_eval(text)
            return list(value) if isinstance(value, tuple) else value
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            pass
    return text


def _shown(text: object) -> str:
    shown = ascii(text)
    return shown if len(shown) <= 40 else shown[:40] + "…"
