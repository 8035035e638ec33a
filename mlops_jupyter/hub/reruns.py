"""Repeating a run from its record, and the verdict on how the repeat compares."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_jupyter.hub import records
from mlops_jupyter.hub.publications import Publications
from mlops_jupyter.hub.runs import Runs
from mlops_jupyter.training.compare import TOLERANCE, Verdict, compare, facts_of
from mlops_jupyter.training.environment import missing_data, rebuild
from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.training.kernelspec import in_kernel
from mlops_jupyter.training.notebook import Notebook
from mlops_jupyter.training.parameters import check
from mlops_jupyter.types import Caller, Conflict, MlopsError, NotFound, RunSpec, RunStatus, Trigger

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A run from a record.

    Attributes
    ----------
    gone
        What could not be had as it was, one sentence each.
    jupyter_path
        Where its kernelspec is, for an environment that was made again.
    """

    spec: RunSpec
    copy: bytes
    gone: tuple[str, ...] = ()
    jupyter_path: str = ""
    record: dict[str, Any] = field(default_factory=dict)


class Reruns:
    """Repeats runs and compares them.

    Parameters
    ----------
    cache
        Folder of the environments that were made again.
    """

    def __init__(self, runs: Runs, publications: Publications, cache: Path) -> None:
        self._runs = runs
        self._publications = publications
        self._cache = cache
        self._tasks: set[asyncio.Task[None]] = set()
        publications.on_published.append(self._run_published)

    async def rerun(self, run: str, kernel: str, caller: Caller) -> RunStatus:
        """Run the recorded notebook again, with its parameters, environment and data.

        Parameters
        ----------
        kernel
            Name of a kernelspec to use instead of the recorded environment; empty for that.

        Raises
        ------
        InvalidRequest
            There is no such kernel, or its language cannot be given the parameters.
        Conflict
            The run has not ended, or its folder was removed.
        Unavailable
            ``package_gone``: a recorded package cannot be had any more; the error names it.
        """
        original = self._runs.get(run)
        if not original.ended:
            raise Conflict(
                f"The run {original.id} has not ended.",
                fix="Wait for its end, or cancel it.",
                code="run_not_ended",
            )
        folder = self._runs.folder(original.id)
        prepared = await asyncio.to_thread(self._prepare, original, folder, kernel)
        return self._runs.submit(prepared.spec, prepared.copy, caller, record=prepared.record)

    async def compared(self, first: str, second: str, tolerance: float = TOLERANCE) -> Verdict:
        """How a run compares with another one, whatever they are of."""
        one, other = self._runs.get(first), self._runs.get(second)
        documents = [
            await asyncio.to_thread(_document, self._runs.folder(run.id)) for run in (one, other)
        ]
        predictions, deviations, gone = await self._predictions(one, other)
        gone += tuple(str(said) for said in other.record.get("gone", ()))
        facts = [
            facts_of(
                run,
                document,
                artifacts=_artifacts(run),
                predictions=said,
                gone=gone,
            )
            for run, document, said in zip((one, other), documents, predictions, strict=True)
        ]
        return await asyncio.to_thread(compare, facts[0], facts[1], tolerance, deviations)

    async def close(self) -> None:
        """Give up comparisons that are under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- parts --------------------------------------------------------------------------------

    def _prepare(self, original: RunStatus, folder: RunFolder, kernel: str) -> Prepared:
        try:
            spec, copy = folder.spec(), folder.input.read_bytes()
        except OSError:
            raise Conflict(
                f"The run {original.id} cannot be repeated.",
                reason="Its folder, with the notebook as it was, is gone.",
                fix="Repeat a run that is still kept.",
                code="run_gone",
            ) from None
        spec = replace(
            spec, trigger=Trigger("rerun", original.id), sweep=None, output=None, notify=""
        )
        gone = tuple(missing_data(original.record, _digest))
        place = ""
        if kernel:
            check(in_kernel(Notebook.read(copy), kernel), spec.parameters)
            spec = replace(spec, kernel=kernel)
        elif self._environment_differs(original, folder):
            frozen = (folder.path / "environment.txt").read_text()
            version = str(original.record["environment"].get("version") or "")
            rebuilt = rebuild(frozen, version, self._cache, _log.info, _uv())
            spec = replace(spec, kernel=rebuilt.kernel)
            place, gone = str(rebuilt.jupyter_path), (*gone, *rebuilt.other)
        record: dict[str, Any] = {
            name: original.record[name]
            for name in ("parameters", "code")
            if name in original.record
        }
        record |= {"gone": list(gone), "jupyter_path": place}
        return Prepared(spec, copy, gone, place, record)

    def _environment_differs(self, original: RunStatus, folder: RunFolder) -> bool:
        """Whether the kernel's packages are others by now."""
        from mlops_jupyter.registry.run_environment import installed, kernel_interpreter

        recorded = original.record.get("environment") or {}
        if not recorded.get("sha256") or not (folder.path / "environment.txt").exists():
            return False
        kernel = original.spec.kernel or original.record.get("code", {}).get("kernel", "python3")
        interpreter = kernel_interpreter(kernel or "python3")
        present = installed(interpreter) if interpreter else None
        return present is None or present.sha256 != recorded["sha256"]

    async def _predictions(
        self, one: RunStatus, other: RunStatus
    ) -> tuple[list[dict[str, str]], dict[str, float], tuple[str, ...]]:
        """Digests of what the registered models of both predict, and how far they are apart."""
        models = [{ref.partition("/")[0]: ref for ref in run.models} for run in (one, other)]
        found: list[dict[str, str]] = [{}, {}]
        deviations: dict[str, float] = {}
        gone: list[str] = []
        for name in sorted(models[0].keys() & models[1].keys()):
            try:
                said = await self._publications.compare_models(models[0][name], models[1][name])
            except MlopsError as error:
                gone.append(f"The predictions of {name}: {error}")
                continue
            found[0][name], found[1][name] = said["first"], said["second"]
            if said["deviation"] is not None:
                deviations[name] = said["deviation"]
        return found, deviations, tuple(gone)

    def _run_published(self, run: RunStatus) -> None:
        if run.spec.trigger.kind != "rerun" or run.spec.trigger.of is None:
            return
        task = asyncio.get_running_loop().create_task(self._judge(run, run.spec.trigger.of))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _judge(self, run: RunStatus, original: str) -> None:
        try:
            verdict = await self.compared(original, run.id)
        except NotFound:
            return
        except Exception:
            _log.exception("the repeat %s could not be compared", run.id)
            return
        judged = replace(run, record={**run.record, "verdict": verdict.to_dict()})
        self._runs.amend(judged, records.verdict(judged, str(verdict), verdict.kind))


def _document(folder: RunFolder) -> dict[str, Any] | None:
    try:
        read = json.loads(folder.output.read_bytes())
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def _artifacts(run: RunStatus) -> dict[str, str]:
    """Files that the run said it wrote, by name: ``mj.artifact``."""
    return {str(one.get("name")): str(one.get("sha256")) for one in run.record.get("artifacts", ())}


def _digest(path: str) -> str:
    from mlops_jupyter.registry import digest_data

    return digest_data(Path(path)).sha256


def _uv() -> tuple[str, ...]:
    from uv import find_uv_bin

    return (find_uv_bin(),)
