"""One output of the running cell that a verb rewrites while it works.

In a kernel it is HTML and text under a display id, updated through its handle, so that the last
picture is what gets saved; in a terminal it is one line that is written over. Nothing is printed
from threads: their text would land in whatever cell runs then.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from mlops_jupyter.notebook import html
from mlops_jupyter.notebook.views import View

T = TypeVar("T")
Progress = Callable[[View], None]
"""Takes the picture of the moment while a verb works."""

_PATIENCE = 0.15
"""Seconds before anything is shown, so that what fails or ends at once leaves no trace."""
_TICK = 0.2


class Working(View):
    """What is being done, with the share that is done when it is known.

    With `at_once` it is shown even where nothing else was, as when what follows holds everything
    up.
    """

    def __init__(
        self,
        doing: str,
        done: float | None = None,
        total: float = 1.0,
        *,
        at_once: bool = False,
    ) -> None:
        self.doing = doing
        self.done = done
        self.total = total
        self.at_once = at_once

    def to_dict(self) -> dict[str, Any]:
        """``{doing, done, total}``."""
        return {"doing": self.doing, "done": self.done, "total": self.total}

    def _html(self) -> html.Html:
        return html.panel(html.progress(self.done, self.total, self.doing))

    def _text(self) -> str:
        return html.visible(self.doing)


class Words(View):
    """What is left in a cell's live output when there is no last picture, as after an error."""

    def __init__(self, words: str) -> None:
        self.words = words

    def to_dict(self) -> dict[str, Any]:
        """``{words}``."""
        return {"words": self.words}

    def _html(self) -> html.Html:
        return html.panel(html.muted(self.words))

    def _text(self) -> str:
        return html.visible(self.words)


class LiveOutput:
    """The live output of one call of a magic in `shell`.

    Attributes
    ----------
    in_kernel
        Whether it can be rewritten when the cell has ended.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.in_kernel = getattr(shell, "kernel", None) is not None
        self._begun = time.monotonic()
        self._handle: Any = None
        self._last = ""
        self._width = 0

    @property
    def shown(self) -> bool:
        """Whether the cell has this output already."""
        return self._handle is not None

    def show(self, view: View) -> None:
        """Show the picture of the moment, unless it is too early or nothing changed."""
        text = repr(view)
        now = isinstance(view, Working) and view.at_once
        early = not (now or self.shown) and time.monotonic() - self._begun < _PATIENCE
        if early or text == self._last:
            return
        self._last = text
        if self.in_kernel:
            self._publish(view)
        else:
            self._write_over(text.partition("\n")[0])

    def finish(self, view: View) -> View:
        """Show the last picture and return `view`, which the cell will not show a second time."""
        if not self.in_kernel:
            self._write_over("")
            return view
        self._publish(view)
        _show_once(view, self._shell)
        return view

    def settle(self, words: str) -> None:
        """Leave `words` in place of what is shown, if anything is: there is no last picture."""
        if self.in_kernel and self.shown:
            self._publish(Words(words))
        elif not self.in_kernel:
            self._write_over("")

    def _publish(self, view: View) -> None:
        from IPython.display import DisplayHandle

        if self._handle is None:
            self._handle = DisplayHandle()
            self._handle.display(_bundle(view), raw=True)
        else:
            self._handle.update(_bundle(view), raw=True)

    def _write_over(self, line: str) -> None:
        stream = sys.stderr
        if not stream.isatty() or not (line or self._width):
            return
        stream.write("\r" + line.ljust(self._width) + ("" if line else "\r"))
        stream.flush()
        self._width = len(line)


def _bundle(view: View) -> dict[str, Any]:
    shown = {"text/html": view._repr_html_(), "text/plain": repr(view)}
    return {**view._repr_mimebundle_(), **shown}


def _show_once(view: View, shell: Any) -> None:
    """Let the running cell's own display of `view` pass: its live output is there already.

    A magic cannot know whether its value is assigned, so the value itself keeps quiet: once, and
    only in the cell that made it.
    """
    cell = shell.execution_count

    def show() -> None:
        from IPython.display import display

        del view._ipython_display_  # type: ignore[attr-defined]
        if shell.execution_count != cell:
            display(view)

    view._ipython_display_ = show  # type: ignore[attr-defined]


def watched(work: Callable[[], T], tick: Callable[[], None]) -> T:
    """Do `work` in a thread and call `tick` in this one meanwhile; an interrupt stops waiting."""
    outcome: list[T] = []
    failure: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="mlops-jupyter-verb", daemon=True).start()
    while not done.wait(_TICK):
        tick()
    if failure:
        raise failure[0]
    return outcome[0]
