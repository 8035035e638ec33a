"""Small pieces of HTML and text in which untrusted words stay words.

Styles are inline and use JupyterLab's variables with fall-backs that take the page's own colours,
so that outputs are readable in light and dark themes, in nbconvert pages and on GitHub.
"""

from __future__ import annotations

import html
import time
import unicodedata
from collections.abc import Container, Iterable, Sequence

MUTED = "opacity:.7"
LINES = "\n\t"
"""What text with lines keeps."""
_BORDER = "1px solid var(--jp-border-color2,rgba(128,128,128,.4))"
_CELL = "text-align:left;padding:2px 12px 2px 0;white-space:nowrap"
_NUMBER = "text-align:right;padding:2px 12px 2px 0;white-space:nowrap"
_WIDE = "text-align:left;padding:2px 12px 2px 0;white-space:normal;max-width:32em"
_STATE_COLOURS = {
    "ready": "var(--jp-success-color1,#388e3c)",
    "idle": "var(--jp-info-color1,#0288d1)",
    "loading": "var(--jp-info-color1,#0288d1)",
    "pending": "var(--jp-warn-color1,#f57c00)",
    "degraded": "var(--jp-warn-color1,#f57c00)",
    "failed": "var(--jp-error-color1,#d32f2f)",
    "queued": "var(--jp-warn-color1,#f57c00)",
    "starting": "var(--jp-info-color1,#0288d1)",
    "running": "var(--jp-info-color1,#0288d1)",
    "succeeded": "var(--jp-success-color1,#388e3c)",
    "timed_out": "var(--jp-error-color1,#d32f2f)",
    "lost": "var(--jp-error-color1,#d32f2f)",
}
_OTHER_STATE = "var(--jp-ui-font-color2,currentColor)"
# Cf: marks that reorder or hide text; Cc: control characters, ANSI escapes among them; Cs, Zl, Zp.
_INVISIBLE = frozenset({"Cf", "Cc", "Cs", "Zl", "Zp"})


class Html(str):
    """Text that is HTML already. Anything else is escaped when it becomes a child."""

    __slots__ = ()


def visible(text: object, keep: str = "") -> str:
    """`text` with control, direction and other unseen characters written as escapes.

    Those in `keep` stay, such as the line ends of text that has lines.
    """
    shown = str(text)
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(
        f"\\u{ord(char):04x}"
        if unicodedata.category(char) in _INVISIBLE and char not in keep
        else char
        for char in shown
    )


def element(name: str, *children: object, **attributes: object) -> Html:
    """``<name attribute="…">children</name>``, with everything escaped that is not Html."""
    head = "".join(
        f' {key}="{html.escape(visible(value))}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    body = "".join(
        child if isinstance(child, Html) else html.escape(visible(child)) for child in children
    )
    return Html(f"<{name}{head}>{body}</{name}>")


def panel(*children: object) -> Html:
    """The frame of one result."""
    return element(
        "div",
        *children,
        style="font-family:var(--jp-ui-font-family,system-ui,sans-serif);"
        "font-size:var(--jp-ui-font-size1,13px);line-height:1.5",
    )


def heading(title: object, *rest: object) -> Html:
    """First line of a result: its name in bold, then what else belongs there."""
    parts: list[object] = [element("strong", title)]
    for part in rest:
        parts += [" \u00a0 ", part]
    return element("div", *parts)


def muted(*children: object) -> Html:
    """Less important words."""
    return element("span", *children, style=MUTED)


def code(text: object) -> Html:
    """Code, an address or a digest."""
    return element("code", text, style="background:none;padding:0;color:inherit")


def block(text: str) -> Html:
    """Preformatted text that scrolls instead of widening the page; line ends are kept."""
    return element(
        "pre",
        Html(html.escape(visible(text, keep=LINES))),
        style="font-family:var(--jp-code-font-family,monospace);font-size:inherit;"
        f"max-height:20em;overflow:auto;padding:4px 8px;border:{_BORDER};margin:4px 0",
        # what scrolls must be reached with the keyboard
        tabindex="0",
    )


def state_word(state: str) -> Html:
    """A state as a coloured dot and its word, so that colour is never the only sign."""
    colour = _STATE_COLOURS.get(state, _OTHER_STATE)
    return element("span", element("span", "●", style=f"color:{colour}"), " ", state)


def progress(value: float | None, maximum: float, label: str) -> Html:
    """A progress bar with its words; `value` None means that the share is not known."""
    shown = None if value is None else f"{value:g}"
    bar = element(
        "progress", value=shown, max=f"{maximum:g}", style="vertical-align:middle", title=label
    )
    return element("div", bar, " ", label)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    wide: str = "",
    numbers: Container[str] = (),
) -> Html:
    """A table; the column named `wide` may wrap, those of `numbers` are right-aligned."""
    style = [
        _WIDE if column == wide else _NUMBER if column in numbers else _CELL for column in columns
    ]
    head = element(
        "tr",
        *(
            element("th", column, scope="col", style=f"{cell};border-bottom:{_BORDER}")
            for column, cell in zip(columns, style, strict=True)
        ),
    )
    body = [
        element(
            "tr",
            *(element("td", value, style=cell) for value, cell in zip(row, style, strict=True)),
        )
        for row in rows
    ]
    scroll = element(
        "table",
        element("thead", head),
        element("tbody", *body),
        style="border-collapse:collapse;margin:4px 0;font-size:inherit;color:inherit",
    )
    return element("div", scroll, style="overflow-x:auto", tabindex="0")


def folded(summary: str, *children: object) -> Html:
    """What is shown when the reader asks for it."""
    return element("details", element("summary", summary), *children)


def beside(*children: object) -> Html:
    """Children next to each other where there is room."""
    return element("div", *children, style="display:flex;flex-wrap:wrap;gap:0 32px")


def listing(items: Iterable[object]) -> Html:
    """Steps in their order."""
    return element("ol", *(element("li", item) for item in items), style="margin:4px 0")


def moment(at: float) -> Html:
    """A time as the reader's clock shows it, with the exact one (UTC) under the pointer."""
    return element("span", clock(at), title=exact(at))


def exact(at: float) -> str:
    """A time in seconds since 1970 as ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"


def clock(at: float | None = None) -> str:
    """A time, or the present one, as the local clock shows it: it is still true once saved."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def columns_of_text(
    columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Container[str] = ()
) -> str:
    """The same table as aligned plain text."""
    lines = [[visible(value) for value in row] for row in (columns, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    put = [str.rjust if column in numbers else str.ljust for column in columns]
    return "\n".join(
        "  ".join(
            place(value, width) for place, value, width in zip(put, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
