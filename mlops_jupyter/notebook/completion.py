"""Completion of the magics' words: verbs, flags, choices, live names and variables.

A matcher must never raise, never start a hub and answer while the user types, so names come from a
hub that runs already, are fetched in the background and kept for a few seconds.
"""

from __future__ import annotations

import re
import threading
import time
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from mlops_jupyter.notebook.grammar import SCALING_WORDS, VERBS, parser_of
from mlops_jupyter.types import MlopsError

_LINE = re.compile(r"\s*(?:[\w.,\s\[\]'\"]+=\s*)?%(\w+)\s+(.*)", re.DOTALL)
_USUAL_ALIASES = ("champion", "challenger")
_NOT_DATA = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})
_FRESH = 3.0
"""Seconds for which fetched names are good."""
_PATIENCE = 0.15
"""Seconds that a key press waits for them."""


@dataclass(frozen=True)
class Names:
    """What a running hub knows: endpoints with their model, models with versions and aliases."""

    endpoints: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)


class NameCache:
    """Names that a hub knows, fetched in the background and kept for `fresh` seconds."""

    def __init__(self, fetch: Callable[[], Names], fresh: float = _FRESH) -> None:
        self._fetch = fetch
        self._fresh = fresh
        self._lock = threading.Lock()
        self._names = Names()
        self._until = 0.0
        self._ready: threading.Event | None = None

    def get(self, patience: float = _PATIENCE) -> Names:
        """The names; those of before, or none, when the hub needs longer than `patience` s."""
        with self._lock:
            if time.monotonic() < self._until:
                return self._names
            if self._ready is None:
                self._ready = threading.Event()
                threading.Thread(
                    target=self._refresh, args=(self._ready,), name="mlops-names", daemon=True
                ).start()
            ready = self._ready
        ready.wait(patience)
        return self._names

    def _refresh(self, ready: threading.Event) -> None:
        names = Names()
        try:
            names = self._fetch()
        except Exception:  # noqa: S110 - a completion has nobody to tell
            pass
        finally:
            with self._lock:
                self._names = names
                self._until = time.monotonic() + self._fresh
                self._ready = None
            ready.set()


def names_of_hub() -> Names:
    """Ask the running hub; no names when none runs."""
    from mlops_jupyter.notebook.connection import connected

    try:
        hub = connected(start=False)
        endpoints = hub.endpoints()
        catalogued = hub.versions()
    except MlopsError:
        return Names()
    versions: dict[str, list[int]] = {}
    aliases: dict[str, list[str]] = {}
    for version in catalogued:
        versions.setdefault(version.model, []).append(version.version)
        aliases.setdefault(version.model, []).extend(version.aliases)
    return Names({status.spec.name: status.spec.model for status in endpoints}, versions, aliases)


def complete(
    line: str, names: Callable[[], Names], user_ns: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """Complete a line up to the cursor: the fragment to replace, and what may stand for it.

    `names` is called only when the place wants a live name.
    """
    match = _LINE.fullmatch(line)
    if match is None or match[1] not in VERBS:
        return "", []
    verb = match[1]
    *before, fragment = re.split(r"\s+", match[2]) or [""]
    if verb == "mlops":
        if not before:
            return fragment, _starting(fragment, [*VERBS[1:], "help", "--help"])
        if before[0] == "help":
            return fragment, _starting(fragment, VERBS) if len(before) == 1 else []
        verb, *before = before
        if verb not in VERBS:
            return "", []
    return _complete_verb(verb, before, fragment, names, user_ns)


def _complete_verb(
    verb: str,
    before: list[str],
    fragment: str,
    names: Callable[[], Names],
    user_ns: Mapping[str, Any],
) -> tuple[str, list[str]]:
    parser = parser_of(verb)
    if fragment.startswith("--") and "=" in fragment:
        flag, _, value = fragment.partition("=")
        before, fragment = [*before, flag], value
    place = parser.value_kind(before[-1]) if before else None
    plain = _plain_words(before, parser.value_kind)
    if place is None and fragment.startswith("-"):
        return fragment, _starting(fragment, [f for f in parser.flags if f not in before])
    if place is not None:
        kind, choices = place
        found = [*choices, *_values(kind, fragment, plain, names, user_ns)]
        return fragment, _starting(fragment, found)
    kinds = parser.positional_kinds()
    found = []
    if kinds and (len(plain) < len(kinds) or kinds[-1][1]):
        kind = kinds[min(len(plain), len(kinds) - 1)][0]
        found = _values(kind, fragment, plain, names, user_ns)
    if not fragment:
        found += [flag for flag in parser.flags if flag not in before]
    return fragment, _starting(fragment, found)


def _plain_words(words: Sequence[str], value_kind: Callable[[str], Any]) -> list[str]:
    """The words that are neither flags nor their values."""
    plain, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = value_kind(word) is not None
        else:
            plain.append(word)
    return plain


def _values(
    kind: str,
    fragment: str,
    plain: Sequence[str],
    names: Callable[[], Names],
    user_ns: Mapping[str, Any],
) -> list[str]:
    if kind == "scaling":
        return list(SCALING_WORDS)
    if kind == "variable":
        return _variables(fragment, user_ns)
    if kind not in _LIVE:
        return []
    return _LIVE[kind](names(), fragment, plain)


def _endpoints(known: Names, _fragment: str, _plain: Sequence[str]) -> list[str]:
    return sorted(known.endpoints)


def _models(known: Names, _fragment: str, _plain: Sequence[str]) -> list[str]:
    return sorted(known.versions)


def _named(known: Names, _fragment: str, _plain: Sequence[str]) -> list[str]:
    return sorted({*known.endpoints, *known.versions})


def _aliases(known: Names, _fragment: str, _plain: Sequence[str]) -> list[str]:
    return sorted({*_USUAL_ALIASES, *(a for many in known.aliases.values() for a in many)})


def _numbers(known: Names, plain: Sequence[str]) -> tuple[str, list[int]]:
    """The model behind the endpoint that is named first, and its versions, newest first."""
    model = known.endpoints.get(plain[0], "") if plain else ""
    return model, sorted(known.versions.get(model, ()), reverse=True)


def _versions(known: Names, _fragment: str, plain: Sequence[str]) -> list[str]:
    model, numbers = _numbers(known, plain)
    return [*map(str, numbers), *sorted(set(known.aliases.get(model, ())))]


def _shares(known: Names, _fragment: str, plain: Sequence[str]) -> list[str]:
    return [f"{number}=" for number in _numbers(known, plain)[1]]


def _refs(known: Names, fragment: str, _plain: Sequence[str]) -> list[str]:
    models = sorted(known.versions)
    if "/" in fragment:
        return [f"{m}/{v}" for m in models for v in sorted(known.versions[m], reverse=True)]
    at = [f"{m}@{alias}" for m in models for alias in sorted(set(known.aliases.get(m, ())))]
    return at if "@" in fragment else [*models, *at]


_LIVE: dict[str, Callable[[Names, str, Sequence[str]], list[str]]] = {
    "endpoint": _endpoints,
    "model": _models,
    "named": _named,
    "alias": _aliases,
    "version": _versions,
    "share": _shares,
    "ref": _refs,
}


def _variables(fragment: str, user_ns: Mapping[str, Any]) -> list[str]:
    if "." in fragment:
        return []
    not_data = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    return sorted(
        name
        for name, value in list(user_ns.items())
        if not name.startswith("_") and name not in _NOT_DATA and not isinstance(value, not_data)
    )


def _starting(fragment: str, words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word.startswith(fragment)))


def _only_ours(line: str) -> bool:
    """Whether Python's names and files have no place here; only what has dots may be Python's."""
    match = _LINE.fullmatch(line)
    return match is not None and match[1] in VERBS and "." not in re.split(r"\s", match[2])[-1]


class _Answer(list[SimpleCompletion]):
    """Completions that suppress those of other matchers even when there are none of our own."""

    def __len__(self) -> int:
        # IPython lets only what is not empty suppress
        return max(1, super().__len__())


def matcher(shell: Any, cache: NameCache | None = None) -> Any:
    """A matcher for ``Completer.custom_matchers`` of `shell`."""
    kept = cache or NameCache(names_of_hub)

    @context_matcher(identifier="mlops_jupyter.matcher", priority=100)  # type: ignore[untyped-decorator, unused-ignore]
    def match(context: Any) -> dict[str, Any]:
        line = context.text_until_cursor
        try:
            fragment, found = complete(line, kept.get, shell.user_ns)
        except Exception:
            fragment, found = "", []
        if not found and not _only_ours(line):
            return {"completions": [], "suppress": False}
        return {
            "completions": _Answer(SimpleCompletion(text=text, type="magic") for text in found),
            "matched_fragment": fragment,
            "suppress": True,
            "ordered": True,
        }

    return match
