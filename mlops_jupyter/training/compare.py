"""Whether a repeated run came out the same: a verdict, and where the two part."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mlops_jupyter.training.outputs import is_ours
from mlops_jupyter.types import RunStatus

TOLERANCE = 1e-6
"""Relative difference up to which two numbers are the same."""

_ZERO = 1e-12
_SHOWN = 5
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")


@dataclass(frozen=True)
class CellFacts:
    """A code cell of a run.

    Attributes
    ----------
    outputs
        What it put out, as text (see `output_text`); None where only the digest is known.
    """

    index: int
    title: str = ""
    source_sha256: str = ""
    outputs_sha256: str = ""
    outputs: str | None = None

    @property
    def name(self) -> str:
        """``cell 7 'Fit'``."""
        return f"cell {self.index} '{self.title}'" if self.title else f"cell {self.index}"


@dataclass(frozen=True)
class RunFacts:
    """What is compared of a run.

    Attributes
    ----------
    inputs
        Digests of what it was given, by name (``environment``, ``data train``): a difference here
        is no result, and may be the cause of one.
    artifacts
        SHA-256 of its files by name.
    predictions
        SHA-256 of what each model that it registered predicts for its recorded example.
    gone
        What could not be had to repeat or compare it, one sentence each.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    cells: tuple[CellFacts, ...] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)
    predictions: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Attributes
    ----------
    what
        ``metric auc``, ``cell 7 'Fit'``, ``predictions of churn``, ``artifact model.pkl``.
    detail
        The two values, or what kind of difference it is.
    """

    what: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.detail})" if self.detail else self.what


@dataclass(frozen=True)
class Verdict:
    """How a repeat compares with its original.

    Attributes
    ----------
    kind
        ``within_tolerance`` where nothing but numbers differs, and those by less than `tolerance`.
    differences
        What differs beyond the tolerance: metrics, predictions, artifacts, cells in their order.
    close
        What differs within it.
    same
        How many metrics, predictions, artifacts and cells are exactly the same.
    causes
        Inputs that were not the same.
    not_compared
        What could not be, one sentence each.
    first_cell
        Index of the first cell whose output differs at all.
    """

    kind: Literal["identical", "within_tolerance", "differs"]
    tolerance: float
    differences: tuple[Difference, ...] = ()
    close: tuple[Difference, ...] = ()
    same: Mapping[str, int] = field(default_factory=dict)
    causes: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    first_cell: int | None = None

    def __str__(self) -> str:
        if self.kind == "differs":
            said = f"differs in: {_listed(self.differences)}"
        elif self.kind == "within_tolerance":
            said = f"within tolerance ({self.tolerance:g}): {_listed(self.close)}"
        else:
            counted = [f"{n} {kind if n > 1 else kind[:-1]}" for kind, n in self.same.items() if n]
            said = f"identical: {', '.join(counted)}" if counted else "identical"
        parts = [said]
        if self.causes:
            parts.append(f"Not given the same: {', '.join(self.causes)}")
        if self.not_compared:
            parts.append(f"Not compared: {' '.join(self.not_compared)}".rstrip("."))
        return ". ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON values, with its sentence as ``text``."""
        return {**asdict(self), "same": dict(self.same), "text": str(self)}


@dataclass
class _Tally:
    """What has been found so far."""

    differences: list[Difference] = field(default_factory=list)
    close: list[Difference] = field(default_factory=list)
    same: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> None:
        self.same[kind] = self.same.get(kind, 0) + 1


def compare(
    first: RunFacts,
    second: RunFacts,
    tolerance: float = TOLERANCE,
    deviations: Mapping[str, float] | None = None,
) -> Verdict:
    """Compare a repeat with its original.

    Parameters
    ----------
    tolerance
        Relative difference up to which two numbers are the same; 0 wants every digit.
    deviations
        The largest relative difference between the predictions of a model of the two runs, where
        somebody compared the numbers and not their digests alone.
    """
    tally = _Tally()
    _compare_metrics(first.metrics, second.metrics, tolerance, tally)
    _compare_predictions(first, second, tolerance, deviations or {}, tally)
    _compare_digests("artifact", first.artifacts, second.artifacts, tally)
    first_cell = _compare_cells(first.cells, second.cells, tolerance, tally)
    if not tally.same and not tally.differences and not tally.close:
        tally.differences.append(Difference("all", "there is nothing that could be compared"))
    kind: Literal["identical", "within_tolerance", "differs"] = "identical"
    if tally.differences:
        kind = "differs"
    elif tally.close:
        kind = "within_tolerance"
    gone = tuple(dict.fromkeys((*first.gone, *second.gone)))
    causes = [
        name
        for name in dict.fromkeys((*first.inputs, *second.inputs))
        if first.inputs.get(name) != second.inputs.get(name)
    ]
    return Verdict(
        kind,
        tolerance,
        tuple(tally.differences),
        tuple(tally.close),
        tally.same,
        tuple(causes),
        gone,
        first_cell,
    )


def _compare_metrics(
    first: Mapping[str, float], second: Mapping[str, float], tolerance: float, tally: _Tally
) -> None:
    for name in sorted({*first, *second}):
        one, other = first.get(name), second.get(name)
        if one is None or other is None:
            missing = "the first" if one is None else "the second"
            tally.differences.append(Difference(f"metric {name}", f"{missing} has none"))
        elif one == other or (math.isnan(one) and math.isnan(other)):
            tally.count("metrics")
        else:
            found = Difference(f"metric {name}", _versus(one, other))
            (tally.close if _near(one, other, tolerance) else tally.differences).append(found)


def _compare_predictions(
    first: RunFacts,
    second: RunFacts,
    tolerance: float,
    deviations: Mapping[str, float],
    tally: _Tally,
) -> None:
    digests = _Tally()
    _compare_digests("predictions of", first.predictions, second.predictions, digests)
    for name, count in digests.same.items():
        tally.same[name] = count
    for found in digests.differences:
        deviation = deviations.get(found.what.removeprefix("predictions of "))
        if deviation is None:
            tally.differences.append(found)
            continue
        measured = Difference(found.what, f"by at most {deviation:.2g}, relative")
        (tally.close if deviation <= tolerance else tally.differences).append(measured)


def _compare_digests(
    kind: str, first: Mapping[str, str], second: Mapping[str, str], tally: _Tally
) -> None:
    for name in sorted({*first, *second}):
        if first.get(name) == second.get(name):
            tally.count("predictions" if kind.startswith("predictions") else f"{kind}s")
        elif name not in first or name not in second:
            missing = "the first" if name not in first else "the second"
            tally.differences.append(Difference(f"{kind} {name}", f"{missing} has none"))
        else:
            tally.differences.append(Difference(f"{kind} {name}"))


def _compare_cells(
    first: tuple[CellFacts, ...], second: tuple[CellFacts, ...], tolerance: float, tally: _Tally
) -> int | None:
    """Cells in their order; index of the first whose output is not the same, in any way."""
    differs: int | None = None
    for one, other in zip(first, second, strict=False):
        if one.source_sha256 != other.source_sha256:
            # from here on the two are different notebooks
            tally.differences.append(Difference(other.name, "its code is another"))
            return one.index if differs is None else differs
        if one.outputs_sha256 == other.outputs_sha256:
            tally.count("cells")
            continue
        differs = one.index if differs is None else differs
        known = one.outputs is not None and other.outputs is not None
        if known and same_but_for_numbers(one.outputs or "", other.outputs or "", tolerance):
            tally.close.append(Difference(other.name, "its output"))
        else:
            tally.differences.append(Difference(other.name, "its output"))
    if len(first) != len(second):
        tally.differences.append(Difference("number of cells", f"{len(first)} vs {len(second)}"))
    return differs


def same_but_for_numbers(first: str, second: str, tolerance: float) -> bool:
    """Whether two texts are the same but for numbers, and those within a relative tolerance."""
    if _NUMBER.sub("#", first) != _NUMBER.sub("#", second):
        return False
    pairs = zip(_NUMBER.findall(first), _NUMBER.findall(second), strict=True)
    return all(one == other or _near(float(one), float(other), tolerance) for one, other in pairs)


def output_text(outputs: Iterable[Mapping[str, Any]]) -> str:
    """Outputs of a cell, as nbformat 4 has them, as one text; what is not text by its digest."""
    streams: dict[str, str] = {}
    parts: list[str] = []
    for output in outputs:
        kind = output.get("output_type")
        if kind == "stream":
            name = str(output.get("name"))
            streams[name] = streams.get(name, "") + _joined(output.get("text", ""))
        elif kind == "error":
            parts.append(f"{output.get('ename')}: {output.get('evalue')}")
        elif not is_ours(output):
            parts += [
                f"{mime}\n{_content(mime, data)}"
                for mime, data in sorted((output.get("data") or {}).items())
            ]
    return "\n".join([*(f"{name}\n{text}" for name, text in sorted(streams.items())), *parts])


def _content(mime: str, data: Any) -> str:
    if mime.startswith("text/"):
        return _joined(data)
    if mime.endswith("json"):
        return json.dumps(data, sort_keys=True)
    return "sha256:" + hashlib.sha256(_joined(data).encode()).hexdigest()


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def facts_of(
    run: RunStatus,
    notebook: Mapping[str, Any] | None = None,
    *,
    artifacts: Mapping[str, str] | None = None,
    predictions: Mapping[str, str] | None = None,
    gone: Iterable[str] = (),
) -> RunFacts:
    """What is compared of a run, from what the hub knows of it.

    Parameters
    ----------
    notebook
        The executed notebook, as JSON values; with it numbers in outputs are compared as numbers.
    """
    cells = (notebook or {}).get("cells") or ()

    def text(index: int) -> str | None:
        return output_text(cells[index].get("outputs") or ()) if index < len(cells) else None

    return RunFacts(
        dict(run.metrics),
        tuple(
            CellFacts(
                cell.index, cell.title, cell.source_sha256, cell.outputs_sha256, text(cell.index)
            )
            for cell in run.cells
        ),
        artifacts or {},
        predictions or {},
        _inputs(run),
        tuple(gone),
    )


def _inputs(run: RunStatus) -> dict[str, str]:
    record = run.record
    data = {f"data {one.get('name')}": str(one.get("sha256")) for one in record.get("data", ())}
    parameters = {
        f"parameter {name}": json.dumps(value, sort_keys=True)
        for name, value in run.spec.parameters.items()
    }
    known = {
        "notebook": run.spec.notebook_sha256,
        "environment": (record.get("environment") or {}).get("sha256"),
        "commit": (record.get("git") or {}).get("commit"),
        **parameters,
        **data,
    }
    return {name: str(value) for name, value in known.items() if value}


def _near(first: float, second: float, tolerance: float) -> bool:
    # what should be zero is some rounding error, and no two of those are relatively close
    return math.isclose(first, second, rel_tol=tolerance, abs_tol=_ZERO if tolerance else 0.0)


def _versus(first: float, second: float) -> str:
    """Two numbers with as many digits as it takes to tell them apart."""
    for digits in range(3, 18):
        one, other = f"{first:.{digits}g}", f"{second:.{digits}g}"
        if one != other:
            return f"{one} vs {other}"
    return f"{first!r} vs {second!r}"


def _listed(found: tuple[Difference, ...]) -> str:
    shown = ", ".join(map(str, found[:_SHOWN]))
    return shown + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
