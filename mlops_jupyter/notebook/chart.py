"""A small line chart as SVG: rates and latencies of the last minutes, drawn without a library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mlops_jupyter.notebook.html import MUTED, Html, beside, element

WIDTH, HEIGHT = 240, 56
_PAD = 3
_LINE = "var(--jp-brand-color1,#1976d2)"
_FLOOR = "var(--jp-border-color2,rgba(128,128,128,.4))"

Samples = Sequence[float | None]


def chart(title: str, unit: str, samples: Samples, seconds: float = 0) -> Html:
    """One line over time, newest at the right; where a sample is None the line has a gap.

    Parameters
    ----------
    seconds
        How long ago the first sample was, for the words.
    """
    values = [value if _drawable(value) else None for value in samples]
    known = [value for value in values if value is not None]
    words = f"{title}: {_words(known, values, unit)}"
    top = max(known, default=0.0) or 1.0
    floor = HEIGHT - _PAD
    drawn = [
        element("polyline", points=points, fill="none", stroke=_LINE, **{"stroke-width": "1.5"})
        for points in _lines(values, top)
    ]
    picture = element(
        "svg",
        element("title", words),
        element("line", x1=0, y1=floor, x2=WIDTH, y2=floor, stroke=_FLOOR),
        *drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        style="display:block;max-width:100%",
        **{"aria-label": words},
    )
    span = f", last {_span(seconds)}" if seconds else ""
    return element("div", picture, element("div", words, span, style=MUTED))


def charts(rates: Samples, latencies: Samples, seconds: float) -> Html:
    """Requests per second and the 99th percentile of the latency, side by side."""
    return beside(chart("requests/s", "", rates, seconds), chart("p99", " ms", latencies, seconds))


def _drawable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0


def _lines(values: Samples, top: float) -> Iterable[str]:
    """The points of each unbroken piece; a lone sample becomes a short dash."""
    step = WIDTH / max(1, len(values) - 1)
    piece: list[str] = []
    for place, value in enumerate([*values, None]):
        if value is not None:
            height = (HEIGHT - 2 * _PAD) * (value / top)
            piece.append(f"{min(place * step, WIDTH):.1f},{HEIGHT - _PAD - height:.1f}")
            continue
        if len(piece) == 1:
            x, y = piece[0].split(",")
            piece = [f"{max(0.0, float(x) - 2):.1f},{y}", f"{float(x) + 2:.1f},{y}"]
        if piece:
            yield " ".join(piece)
        piece = []


def _words(known: Sequence[float], values: Samples, unit: str) -> str:
    if not known:
        return "no calls"
    last = values[-1]
    now = "no calls" if last is None else f"{_number(last)}{unit}"
    return f"{now}, at most {_number(max(known))}{unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
