"""A pipeline's graph as SVG and as text, with what each step did in the last minute."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_jupyter.notebook.html import Html, element, visible
from mlops_jupyter.types.pipeline import PipelineNode, PipelineStatus, StepStats

COLUMN, ROW = 186, 88
BOX_WIDTH, BOX_HEIGHT = 146, 62
_MARGIN = 8
_LONG = 20
_LINE = "var(--jp-border-color1,rgba(128,128,128,.8))"
_FILL = "var(--jp-layout-color1,transparent)"
_TEXT = "var(--jp-ui-font-color1,currentColor)"
_FAINT = "var(--jp-ui-font-color2,currentColor)"
_BAD = "var(--jp-error-color1,#d32f2f)"
_GOOD = "var(--jp-success-color1,#388e3c)"


def drawing_html(status: PipelineStatus) -> Html:
    """The graph from left to right; what it says is in its title, too."""
    places = {node.id: node for node in status.nodes}
    width = (max(node.column for node in status.nodes) + 1) * COLUMN - COLUMN + BOX_WIDTH
    height = (max(node.row for node in status.nodes) + 1) * ROW
    words = f"pipeline {status.name}"
    picture = element(
        "svg",
        element("title", words),
        *(_arrow(places[edge.source], places[edge.target], edge.label) for edge in status.edges),
        *(_box(node) for node in status.nodes),
        viewBox=f"{-_MARGIN} {-_MARGIN} {width + 2 * _MARGIN} {height + 2 * _MARGIN}",
        width=width + 2 * _MARGIN,
        height=height + 2 * _MARGIN,
        role="img",
        style="display:block",
        **{"aria-label": words},
    )
    return element("div", picture, style="overflow-x:auto", tabindex="0")


def _left(node: PipelineNode) -> tuple[float, float]:
    return node.column * COLUMN, node.row * ROW


def _arrow(source: PipelineNode, target: PipelineNode, label: str) -> Html:
    x, y = _left(source)
    x, y = x + BOX_WIDTH, y + BOX_HEIGHT / 2
    end_x, end_y = _left(target)
    end_y += BOX_HEIGHT / 2
    tip = end_x - 6
    if target.column - source.column > 1:
        # around what stands between, in the gap below the upper of both
        gap = (min(source.row, target.row) + 1) * ROW - (ROW - BOX_HEIGHT) / 2
        way = (
            f"C{x + 20:g},{y:g} {x + 20:g},{gap:g} {x + 40:g},{gap:g} L{tip - 40:g},{gap:g} "
            f"C{tip - 20:g},{gap:g} {tip - 20:g},{end_y:g} {tip:g},{end_y:g}"
        )
        label_at = (x + 40, gap - 4)
    else:
        bend = (end_x - x) / 2
        way = f"C{x + bend:g},{y:g} {end_x - bend:g},{end_y:g} {tip:g},{end_y:g}"
        label_at = (x + 6, y - 5 if target.row <= source.row else y + 13)
    head = f"M{tip - 1:g},{end_y - 4:g} L{end_x:g},{end_y:g} L{tip - 1:g},{end_y + 4:g} z"
    parts = [
        element("path", d=f"M{x:g},{y:g} {way}", fill="none", stroke=_LINE),
        element("path", d=head, fill=_LINE),
    ]
    if label:
        parts.append(_words(label, *label_at, 10, _FAINT))
    return element("g", *parts)


def _box(node: PipelineNode) -> Html:
    x, y = _left(node)
    stats = node.stats
    stroke = _LINE
    if stats is not None and stats.calls:
        stroke = _BAD if stats.error_share > 0 else _GOOD
    shape = element(
        "rect",
        x=x,
        y=y,
        width=BOX_WIDTH,
        height=BOX_HEIGHT,
        rx="4" if node.kind == "step" else str(BOX_HEIGHT // 2),
        fill=_FILL,
        stroke=stroke,
        **{"stroke-dasharray": "" if node.kind == "step" else "4 3"},
    )
    lines = _lines(node)
    first = y + BOX_HEIGHT / 2 - 7 * (len(lines) - 1) + 4
    shown = [
        _words(text, x + BOX_WIDTH / 2, first + 14 * place, 12 if not place else 10,
               _TEXT if not place else _FAINT, middle=True)
        for place, text in enumerate(lines)
    ]  # fmt: skip
    return element("g", element("title", _told(node)), shape, *shown)


def _words(text: str, x: float, y: float, size: int, colour: str, *, middle: bool = False) -> Html:
    return element(
        "text",
        text,
        x=f"{x:g}",
        y=f"{y:g}",
        fill=colour,
        **{
            "font-size": str(size),
            "font-family": "var(--jp-ui-font-family,system-ui,sans-serif)",
            "text-anchor": "middle" if middle else "",
        },
    )


def _lines(node: PipelineNode) -> list[str]:
    if node.kind in ("input", "output"):
        return [node.kind, _short(node.label, 24)]
    if node.kind != "step":
        return [node.kind, _short(node.label, 24)]
    lines = [_short(node.label)]
    if node.ref != node.label:
        lines.append(_short(node.ref, 24))
    if node.stats is not None:
        lines.append(_rates(node.stats))
        if node.stats.calls:
            lines.append(f"p50 {_ms(node.stats.p50_ms)} · p99 {_ms(node.stats.p99_ms)}")
    return lines


def _short(text: str, most: int = _LONG) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _rates(stats: StepStats) -> str:
    failed = f" · {stats.error_share:.0%} failed" if stats.error_share else ""
    return f"{stats.requests_per_second:.3g}/s{failed}"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g} ms"


def _told(node: PipelineNode) -> str:
    """Everything that is known of a node, for the pointer and for screen readers."""
    if node.stats is None:
        return f"{node.kind} {node.label}"
    stats = node.stats
    words = [f"step {node.label} calls {node.ref}", f"{stats.calls} calls, {_rates(stats)}"]
    if stats.calls:
        words.append(f"p50 {_ms(stats.p50_ms)}, p99 {_ms(stats.p99_ms)}")
    if stats.skipped:
        words.append(f"{stats.skipped} rows led past it")
    if stats.fallbacks:
        words.append(f"{stats.fallbacks} answered by its fallback")
    if stats.last_error:
        words.append(f"last error: {stats.last_error}")
    return "; ".join(words)


def drawing_text(status: PipelineStatus) -> str:
    """The pipeline's text with each step's figures beside its line."""
    steps = {node.label: node for node in status.nodes if node.kind == "step"}
    marks = _marks(status.graph.get("nodes", ()), [])
    lines = visible(status.text.rstrip(), keep="\n").split("\n")
    width = max(map(len, lines))
    shown = []
    for line in lines:
        word = line.strip().split(" ")[0] if line.strip() else ""
        name = marks.pop(0) if marks and _is_step(word, line) else ""
        node = steps.get(name)
        figures = ""
        if node is not None and node.stats is not None and node.stats.calls:
            figures = f"{_rates(node.stats)}  p50 {_ms(node.stats.p50_ms)}  p99 " + _ms(
                node.stats.p99_ms
            )
        shown.append(f"{line:<{width}}  {figures}".rstrip())
    return "\n".join(shown)


def _is_step(word: str, line: str) -> bool:
    return word not in ("take", "switch", "elif", "ensemble", "return") and not line.endswith(":")


def _marks(nodes: object, found: list[str]) -> list[str]:
    """The steps' names in the order of the text."""
    for node in nodes if isinstance(nodes, list | tuple) else ():
        if not isinstance(node, Mapping):
            _marks(node, found)
        elif node.get("node") == "step":
            found.append(str(node.get("name")))
        else:
            for key in ("then", "otherwise", "members"):
                _marks(node.get(key, ()), found)
            for branch in node.get("branches", ()):
                _marks(branch, found)
    return found
