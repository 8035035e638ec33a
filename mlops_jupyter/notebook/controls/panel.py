"""What panels share: one background thread each that looks at the hub and makes its changes.

The thread looks when the hub says that something changed, and by a slow clock while the hub says
nothing. It ends with its panel: when that is closed, when its cell is run again, and when the
kernel exits. It never prints: text from threads would land in whatever cell runs then.
"""

from __future__ import annotations

import atexit
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from mlops_jupyter.client.connection import Connection
from mlops_jupyter.notebook.controls.listening import Event, listener
from mlops_jupyter.notebook.html import MUTED, Html, clock, element, panel, visible
from mlops_jupyter.notebook.live import watched
from mlops_jupyter.types import MlopsError, Unavailable

if TYPE_CHECKING:
    from mlops_jupyter.client import Hub

POLL = 2.0
"""Seconds between looks while the hub does not say by itself what changes."""
_PATIENCE = 15.0
"""Longest wait for an answer to a question; changes may take longer."""
REST = 0.3
"""Least seconds between looks, however much the hub says."""
_ERROR = "color:var(--jp-error-color1,#d32f2f)"
_GOOD = "color:var(--jp-success-color1,#388e3c)"
_WARNING = "color:var(--jp-warn-color1,#f57c00)"

Work = Callable[[], None]


class _QuietConnection(Connection):
    """A connection that starts no hub and soon gives up on one that does not answer."""

    def request(self, method: str, path: str, **options: Any) -> Any:
        if method == "GET":
            options["timeout"] = _PATIENCE
        return super().request(method, path, **options)


def quiet(hub: Hub) -> Hub:
    """The same hub for a panel: one that was stopped stays stopped, however long it is watched."""
    return type(hub)(_QuietConnection(hub.home, start=False))


class Panel(ABC):
    """A widget and the thread that keeps it true.

    Attributes
    ----------
    root
        The widget to display.
    rest
        Least seconds between looks.
    lock
        Held while widgets are changed, since both the thread and the reader change them.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = quiet(hub)
        self.rest = REST
        self.lock = threading.RLock()
        self.root: Any = widgets.VBox()
        self.message = widgets.HTML()
        self.closing = button("Close", "close this panel; nothing else changes", self.close)
        self._listener = listener(self.hub)
        self._leave: Callable[[], None] = lambda: None
        self._state = threading.Condition()
        self._due: float | None = 0.0
        self._looked = 0.0
        self._work: list[tuple[str, Work]] = []
        self._busy = ""
        self._closed = False
        self._thread: threading.Thread | None = None
        self._when_closed: list[Callable[[], None]] = []

    # what a panel is

    @abstractmethod
    def look(self) -> None:
        """Ask the hub and show what it says; called in the panel's thread."""

    @abstractmethod
    def concerns(self, event: Event) -> bool:
        """Whether an event of the hub asks for a look."""

    @abstractmethod
    def away(self, error: MlopsError) -> None:
        """Show that the hub does not answer; `look` shows when it does again."""

    def pace(self) -> float | None:
        """Seconds until the next look when the hub says by itself what changes; None for never."""
        return None

    @abstractmethod
    def settle(self) -> None:
        """Set what the reader can do after something ended or began."""

    # its life

    @property
    def busy(self) -> str:
        """The change that is being made, in words."""
        return self._busy

    @property
    def closed(self) -> bool:
        """Whether it is closed for good."""
        return self._closed

    @property
    def running(self) -> bool:
        """Whether its thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to keep the panel true; a second time changes nothing."""
        if self._thread is None and not self._closed:
            self._leave = self._listener.add(self._hear)
            self._thread = threading.Thread(target=self._run, name="mlops-panel", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Close the widgets and end the thread."""
        with self._state:
            if self._closed:
                return
            self._closed = True
            self._state.notify_all()
        self._leave()
        with self.lock:
            _close_all(self.root)
        for then in self._when_closed:
            then()

    def when_closed(self, then: Callable[[], None]) -> None:
        """Call `then` once the panel is closed."""
        self._when_closed.append(then)

    def look_soon(self) -> None:
        """Have the thread look as soon as it may."""
        with self._state:
            soonest = self._looked + self.rest
            self._due = soonest if self._due is None else min(self._due, soonest)
            self._state.notify_all()

    def do(self, words: str, work: Work) -> None:
        """Have the thread do `work`, called `words` meanwhile; errors show as their one line."""
        with self._state:
            self._work.append((words, work))
            self._state.notify_all()

    # messages

    def say(self, words: str, style: str = "") -> None:
        """Show one line below the controls; no words for none."""
        with self.lock:
            self.message.value = str(panel(element("div", words, style=style))) if words else ""

    def say_done(self, words: str) -> None:
        """Show that something went well."""
        self.say(words, _GOOD)

    def say_warning(self, words: str) -> None:
        """Show what the reader should know before going on."""
        self.say(words, _WARNING)

    def say_error(self, error: BaseException) -> None:
        """Show an error as the one line that a cell would show."""
        self.say(line_of(error), _ERROR)

    # the thread

    def _hear(self, event: Event) -> None:
        if self.concerns(event) or event["event"] in ("hello", "lost"):
            self.look_soon()

    def _run(self) -> None:
        while (next_work := self._wait()) is not None:
            words, work = next_work
            try:
                self._do(words, work) if words else self._look()
            except Exception as error:  # a thread has no cell to show it in
                if not self._closed:
                    self.say_error(error)

    def _wait(self) -> tuple[str, Work] | None:
        """What to do next, a look being ``("", …)``; None when the panel is closed."""
        with self._state:
            while not self._closed:
                if self._work:
                    return self._work.pop(0)
                left = None if self._due is None else self._due - time.monotonic()
                if left is not None and left <= 0:
                    return "", self._look
                # a line that went dead makes no sound
                self._state.wait(POLL if left is None else min(left, POLL))
                if self._due is None and not self._listener.live:
                    self._due = 0.0
            return None

    def _do(self, words: str, work: Work) -> None:
        with self.lock:
            self._busy = words
            self.settle()
            self.say(f"{words} …")
        try:
            watched(work, self._look_meanwhile)
        except Exception as error:
            self.say_error(error)
        finally:
            with self.lock:
                self._busy = ""
                if not self._closed:
                    self.settle()
        self._look()

    def _look_meanwhile(self) -> None:
        if not self._closed and time.monotonic() - self._looked >= POLL:
            self._look()

    def _look(self) -> None:
        with self._state:
            # what is asked for from here on is a look of its own
            self._due = None
        answered = False
        try:
            self.look()
            answered = True
        except MlopsError as error:
            with self.lock:
                if not self._closed:
                    self.away(error)
        finally:
            with self._state:
                self._looked = time.monotonic()
                told = answered and self._listener.live
                pace = self.pace() if told else max(POLL, self.rest)
                paced = None if pace is None else self._looked + pace
                self._due = min((at for at in (self._due, paced) if at is not None), default=None)


def line_of(error: BaseException) -> str:
    """An error as one line."""
    return visible(f"{type(error).__name__}: {error}")


def no_answer(error: MlopsError) -> Html:
    """What a panel shows while it cannot ask the hub."""
    lost = "The hub does not answer. " if isinstance(error, Unavailable) else ""
    return panel(
        element("strong", lost),
        line_of(error),
        element("div", f"Asked at {clock()}, and again every {POLL:g} s.", style=MUTED),
    )


def note(*children: object) -> Html:
    """Words of a panel."""
    return panel(element("div", *children))


def button(label: str, tooltip: str, pressed: Callable[[], None], style: str = "") -> Any:
    """A button that calls `pressed`."""
    made = widgets.Button(
        description=label, tooltip=tooltip, button_style=style, layout={"width": "auto"}
    )
    made.on_click(lambda _button: pressed())
    return made


def show(widget: Any, shown: bool) -> None:
    """Show or hide a widget."""
    widget.layout.display = "" if shown else "none"


def _close_all(widget: Any) -> None:
    for child in getattr(widget, "children", ()):
        _close_all(child)
    for part in ("layout", "style"):
        if (owned := getattr(widget, part, None)) is not None:
            owned.close()
    widget.close()


# -- panels and the cells they are in --------------------------------------------------------------


_open: dict[Panel, str] = {}


def remember(opened: Panel, cell: str, shell: Any) -> None:
    """Close `opened` when its cell is run again, or when the kernel exits."""
    if not _open:
        shell.events.register("pre_run_cell", _close_those_of)
    _open[opened] = cell

    def forget() -> None:
        _open.pop(opened, None)
        if not _open:
            shell.events.unregister("pre_run_cell", _close_those_of)

    opened.when_closed(forget)


def _close_those_of(info: Any) -> None:
    """Close the panels of a cell that is about to run."""
    cell = str(getattr(info, "cell_id", None) or info.raw_cell)
    for opened in [one for one, its_cell in _open.items() if its_cell == cell]:
        opened.close()


@atexit.register
def _close_every_one() -> None:
    for opened in list(_open):
        opened.close()
