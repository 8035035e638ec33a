"""The magics: each reads its line and calls the function of its name in `verbs`.

``%x`` magics take words and names of variables as they stand and expand nothing.
"""

from __future__ import annotations

import argparse
import time
from collections import ChainMap
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from IPython.core.magic import no_var_expand, output_can_be_silenced

from mlops_jupyter.client.words import named_values
from mlops_jupyter.notebook import completion, run_magics
from mlops_jupyter.notebook.grammar import VERBS, parser_of
from mlops_jupyter.notebook.live import LiveOutput, Working
from mlops_jupyter.notebook.parser import (
    expression_in,
    split,
    variable,
    versions,
    weights,
)
from mlops_jupyter.notebook.views import View
from mlops_jupyter.types import InvalidRequest

CELL_VERBS = ("pipeline",)
"""Verbs that may stand above a cell, too: ``%%pipeline``."""
_MANY_ROWS = 20_000
"""From so many rows on a prediction says that it is under way."""


@dataclass
class Context:
    """What a magic's call has besides its words: variables, its output, a cell magic's body."""

    user_ns: Mapping[str, Any]
    live: LiveOutput
    cell: str | None = None

    def value(self, name: str | None) -> Any:
        """The variable `name`, or None when no name was given."""
        return None if name is None else variable(name, self.user_ns)

    def model(self, text: str | None) -> Any:
        """The variable `text`, or the path that it is: a slash is in no variable's name."""
        return Path(text) if text is not None and "/" in text else self.value(text)


def run(verb: str, words: list[str], context: Context) -> Any:
    """Run one verb; None when only its help was asked for."""
    if verb == "mlops":
        return _run_mlops(words, context)
    arguments = parser_of(verb).read(words)
    return None if arguments is None else _HANDLERS[verb](arguments, context)


def _run_line(verb: str, line: str, context: Context) -> Any:
    try:
        return run(verb, split(line), context)
    except InvalidRequest as error:
        if error.code not in ("invalid_usage", "invalid_variable"):
            raise
        # the words have lost their quotes, or fell apart at its blanks
        if not (expression := expression_in(line)):
            raise
        raise InvalidRequest(
            f"{expression} is an expression, not the name of a variable.",
            reason="Magics take values by name and evaluate nothing.",
            fix=_as_call(verb, line, expression),
            code="invalid_variable",
        ) from None


def _as_call(verb: str, line: str, expression: str) -> str:
    """How to give the expression to the function of the magic's name."""
    first, _, rest = line.strip().partition(" ")
    if verb == "mlops":
        return _as_call(first, rest, expression)
    if verb == "predict":
        call = f'mj.predict("{first}", {expression})'
    else:
        call = f"mj.{verb}(…, {expression})"
    return f"Call the function: {call}, or assign the expression to a variable first."


def _run_mlops(words: list[str], context: Context) -> Any:
    from mlops_jupyter.notebook import verbs

    if words and words[0] == "help":
        _explain(words[1] if len(words) > 1 else "")
        return None
    if words and not words[0].startswith("-"):
        # the unmistakable form of every verb, should another extension own its short name
        parser_of(words[0])
        return run(words[0], words[1:], context)
    return None if parser_of("mlops").read(words) is None else verbs.status()


def _explain(verb: str) -> None:
    if verb:
        parser_of(verb.removeprefix("%")).read(["--help"])
        return
    width = max(map(len, VERBS))
    lines = [f"%{name:<{width}}  {parser_of(name).summary}" for name in VERBS]
    print("\n".join(lines))  # noqa: T201 - the answer to 'help'


def _register(given: argparse.Namespace, context: Context) -> View:
    from mlops_jupyter.notebook import verbs

    options = {
        "signature": given.signature,
        "output_example": context.value(given.output),
        "environment": given.env,
    }
    view = verbs.register(
        given.name,
        context.model(given.model),
        context.value(given.input),
        worker=given.worker,
        alias=given.alias,
        target=context.value(given.target),
        data=context.value(given.data),
        params=context.value(given.params),
        metrics=context.value(given.metrics),
        tags=named_values(given.tag, "--tag stage=trial") or None,
        user_ns=context.user_ns,
        on_progress=context.live.show,
        **{name: value for name, value in options.items() if value is not None},
    )
    return context.live.finish(view)


def _deploy(given: argparse.Namespace, context: Context) -> View:
    from mlops_jupyter.notebook import verbs

    view = verbs.deploy(
        given.ref,
        name=given.name,
        scale=given.scale,
        gpu=given.gpu,
        on=given.on,
        audit=given.audit,
        mode=given.mode,
        env=given.env,
        deadline=given.deadline,
        wait=not given.no_wait,
        revision=given.revision,
        on_progress=context.live.show,
    )
    return context.live.finish(view)


def _scale(given: argparse.Namespace, context: Context) -> View:
    from mlops_jupyter.notebook import verbs

    if given.ui:
        return _scale_controls(given)
    view = verbs.scale(
        given.name,
        given.policy,
        wait=not given.no_wait,
        revision=given.revision,
        on_progress=context.live.show,
    )
    return context.live.finish(view)


def _scale_controls(given: argparse.Namespace) -> View:
    from mlops_jupyter.notebook import verbs
    from mlops_jupyter.notebook.controls.front_end import shell_of_notebook, why_no_controls

    # controls show by themselves how far it is
    wait = not given.no_wait and bool(why_no_controls(shell_of_notebook()))
    view = verbs.scale(given.name, given.policy, wait=wait, revision=given.revision)
    return view.controls()


def _predict(given: argparse.Namespace, context: Context) -> Any:
    from mlops_jupyter.notebook import verbs

    data = context.value(given.data)
    rows = _rows(data)
    begun = time.monotonic()
    if rows >= _MANY_ROWS:
        context.live.show(Working(f"{given.name}: predicting {rows:,} rows", at_once=True))
    answer = verbs.predict(
        given.name, data, version=given.version, params=context.value(given.params)
    )
    if context.live.shown:
        seconds = time.monotonic() - begun
        context.live.settle(f"{given.name} answered {rows:,} rows in {seconds:.1f} s")
    return answer


def _rows(data: Any) -> int:
    """How many rows `data` has, as far as that can be told at once."""
    if isinstance(data, Mapping):
        return max(map(_rows, data.values()), default=0)
    return len(data) if isinstance(data, Sized) and not isinstance(data, str | bytes) else 0


def _traffic(given: argparse.Namespace, context: Context) -> View:
    from mlops_jupyter.notebook import verbs

    view = verbs.traffic(
        given.name,
        weights(given.weights) or None,
        shadow=versions(given.shadow),
        revision=given.revision,
        on_progress=context.live.show,
    )
    return context.live.finish(view)


def _promote(given: argparse.Namespace, context: Context) -> View:
    from mlops_jupyter.notebook import verbs

    view = verbs.promote(
        given.name,
        given.version,
        alias=given.alias,
        revision=given.revision,
        on_progress=context.live.show,
    )
    return context.live.finish(view)


def _rollback(given: argparse.Namespace, context: Context) -> View:
    from mlops_jupyter.notebook import verbs

    view = verbs.rollback(given.name, revision=given.revision, on_progress=context.live.show)
    return context.live.finish(view)


def _undeploy(given: argparse.Namespace, _context: Context) -> View:
    from mlops_jupyter.notebook import verbs

    return verbs.undeploy(given.name, revision=given.revision)


def _audit(given: argparse.Namespace, _context: Context) -> Any:
    from mlops_jupyter.notebook import verbs

    if given.verify:
        return verbs.audit.verify()
    if given.show is not None:
        return verbs.audit.show(given.show, payloads=given.payloads)
    search = verbs.audit.controls if given.ui else verbs.audit
    return search(
        given.name,
        model=given.model,
        since=given.since,
        until=given.until,
        by=given.by,
        failed=given.failed,
        version=given.version,
        kind=given.kind,
        limit=given.limit,
        text=given.text,
        intents=given.intents,
    )


def _pipeline(given: argparse.Namespace, context: Context) -> View:
    from mlops_jupyter.notebook import pipelines

    view = pipelines.pipeline(
        given.name,
        context.cell,
        alias=given.alias,
        tags=named_values(given.tag, "--tag stage=trial") or None,
        deploy=not given.no_deploy,
        dry_run=given.dry_run,
        user_ns=context.user_ns,
        on_progress=context.live.show,
        **{name: value for name in pipelines.HOW if (value := getattr(given, name)) is not None},
    )
    return context.live.finish(view)


_HANDLERS: dict[str, Callable[[argparse.Namespace, Context], Any]] = {
    "register": _register,
    "deploy": _deploy,
    "scale": _scale,
    "predict": _predict,
    "traffic": _traffic,
    "promote": _promote,
    "rollback": _rollback,
    "undeploy": _undeploy,
    "audit": _audit,
    "pipeline": _pipeline,
    "train": run_magics.train,
    "runs": run_magics.runs,
    "schedule": run_magics.schedule,
}


@dataclass
class _Loaded:
    """What was put into a shell, and what it replaced."""

    magics: dict[str, Any] = field(default_factory=dict)
    replaced: dict[str, Any] = field(default_factory=dict)
    matcher: Any = None


_shells: WeakKeyDictionary[Any, _Loaded] = WeakKeyDictionary()


def load(shell: Any) -> None:
    """Add the magics and their completion to `shell`; a second time changes nothing."""
    if shell in _shells:
        return
    table = shell.magics_manager.magics["line"]
    loaded = _Loaded()
    for verb in VERBS:
        if verb in table:
            loaded.replaced[verb] = table[verb]
        loaded.magics[verb] = _magic(verb, shell)
        shell.register_magic_function(loaded.magics[verb], "line", verb)
        if verb in CELL_VERBS:
            shell.register_magic_function(loaded.magics[verb], "cell", verb)
    if (completer := getattr(shell, "Completer", None)) is not None:
        loaded.matcher = completion.matcher(shell)
        completer.custom_matchers.append(loaded.matcher)
    _shells[shell] = loaded


def unload(shell: Any) -> None:
    """Take them away again and put back what they replaced."""
    if (loaded := _shells.pop(shell, None)) is None:
        return
    table = shell.magics_manager.magics["line"]
    for verb, magic in loaded.magics.items():
        # another extension may have taken the name since
        if table.get(verb) is magic:
            del table[verb]
            if verb in loaded.replaced:
                table[verb] = loaded.replaced[verb]
        cells = shell.magics_manager.magics["cell"]
        if verb in CELL_VERBS and cells.get(verb) is magic:
            del cells[verb]
    if loaded.matcher in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(loaded.matcher)


def _magic(verb: str, shell: Any) -> Callable[..., Any]:
    @output_can_be_silenced  # type: ignore[untyped-decorator, unused-ignore]
    @no_var_expand  # type: ignore[untyped-decorator, unused-ignore]
    def magic(line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        live = LiveOutput(shell)
        names = ChainMap(dict(local_ns or {}), shell.user_ns)
        try:
            context = Context(names, live, cell)
            return _run_line(verb, line.rstrip().removesuffix(";"), context)
        except KeyboardInterrupt:
            live.settle(f"%{verb} no longer waits; what the hub has begun goes on.")
            raise
        except BaseException:
            live.settle(f"%{verb} failed.")
            raise

    magic.needs_local_scope = True
    magic.__name__ = magic.__qualname__ = verb
    magic.__doc__ = f"'%{verb} --help' and '%mlops help {verb}' say what it takes."
    return magic  # type: ignore[no-any-return, unused-ignore]
