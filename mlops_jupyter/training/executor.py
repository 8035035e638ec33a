"""The process that executes a run's notebook with papermill: started by the run's supervisor.

``python -m mlops_jupyter.training.executor DESCRIPTOR`` in the run's folder; its task comes as JSON
on standard input, its events and last its outcome go to the descriptor.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from mlops_jupyter.training.folder import RunFolder
from mlops_jupyter.training.masking import Mask
from mlops_jupyter.training.notebook import Notebook
from mlops_jupyter.training.processes import RUN_VARIABLE, die_with_parent, offer_to_oom_killer
from mlops_jupyter.training.task import Task
from mlops_jupyter.training.verdict import Outcome
from mlops_jupyter.types import InvalidRequest, MlopsError, RunSpec
from mlops_jupyter.types.artifact import ARTIFACTS_VARIABLE

# papermill imports these for stores that a run does not use and for a check that notebooks do not
# need, at a cost of 1 s; each import is optional there
NEEDLESS = ("pyarrow.fs", "rfc3987_syntax")

_ENGINE = "mlops-jupyter"
# what these fields hold is ours, whatever a secret looks like
_WORDS = ("event", "state", "code", "stream")


def main() -> NoReturn:
    """Execute the task on standard input; the exit code says nothing, the outcome all."""
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    die_with_parent(task.supervisor)
    offer_to_oom_killer()
    mask = Mask(task.secrets.values())

    def tell(event: Mapping[str, Any]) -> None:
        said = {key: v if key in _WORDS else mask.deep(v) for key, v in event.items()}
        os.write(descriptor, msgspec.json.encode({"t": time.time(), **said}) + b"\n")

    with asyncio.Runner() as runner:
        outcome = Executor(RunFolder(Path.cwd()), task, mask, tell, runner).run()
    tell({"event": "outcome", **msgspec.to_builtins(outcome)})
    sys.stdout.flush()
    sys.stderr.flush()
    # all is said; taking sockets and modules apart would cost another 0.1 s
    os._exit(0)


class Executor:
    """Executes the notebook of `folder`, which is the process's working directory."""

    def __init__(
        self, folder: RunFolder, task: Task, mask: Mask, tell: Any, runner: asyncio.Runner
    ) -> None:
        self._folder = folder
        self._spec = folder.spec()
        self._task = task
        self._mask = mask
        self._tell = tell
        self._runner = runner

    def run(self) -> Outcome:
        """Execute it; whatever goes wrong is in the outcome."""
        kernel = None
        try:
            # the kernel starts while papermill is still being imported
            kernel = self._kernel()
            self._runner.run(kernel.start())
            return self._execute(kernel)
        except MlopsError as error:
            return Outcome("failed", error.code, self._mask.text(str(error)))
        except OSError as error:
            reason = f"The run's files could not be written: {error.strerror or error}."
            return Outcome("failed", "output_not_written", reason)
        finally:
            if kernel is not None:
                self._runner.run(kernel.stop())

    def _kernel(self) -> Any:
        from mlops_jupyter.training.kernel import Kernel

        name = self._spec.kernel or kernel_name(self._folder.input.read_bytes())
        environment = kernel_environment(
            self._spec, os.environ, self._folder.environment(), self._task.secrets
        )
        environment[RUN_VARIABLE] = self._folder.run_id
        environment[ARTIFACTS_VARIABLE] = str(self._folder.artifacts)
        return Kernel(name, working_folder(self._spec), environment, Path(self._task.channels))

    def _execute(self, kernel: Any) -> Outcome:
        for module in NEEDLESS:
            sys.modules.setdefault(module, None)  # type: ignore[arg-type]
        import papermill  # type: ignore[import-untyped]
        from papermill.engines import papermill_engines  # type: ignore[import-untyped]

        from mlops_jupyter.training import r_translator
        from mlops_jupyter.training.artifacts import Artifacts
        from mlops_jupyter.training.engine import Engine
        from mlops_jupyter.training.outputs import Log

        artifacts = Artifacts(self._folder.artifacts, Path(working_folder(self._spec)), self._mask)
        engine = Engine(
            kernel,
            self._runner,
            path=self._folder.output,
            logs={"stdout": Log(self._folder.stdout), "stderr": Log(self._folder.stderr)},
            artifacts=artifacts,
            mask=self._mask,
            tell=self._tell,
            cell_seconds=self._spec.cell_seconds,
        )
        self._listen(engine)
        papermill_engines.register(_ENGINE, engine)
        r_translator.register()
        try:
            # relative names, because papermill takes braces in a path for parameters of its own
            papermill.execute_notebook(
                self._folder.input.name,
                None,
                parameters=self._spec.parameters,
                engine_name=_ENGINE,
                kernel_name=kernel.name,
                language=kernel.language,
                progress_bar=False,
            )
        except papermill.PapermillExecutionError:
            pass  # the outcome says it already
        except Exception as error:
            if engine.began:
                raise
            raise InvalidRequest(
                "papermill cannot prepare the notebook.",
                reason=f"{type(error).__name__}: {error}",
                fix="Open and save it in JupyterLab, and check its parameters.",
                code="invalid_notebook",
            ) from error
        finally:
            artifacts.tidy()
        return engine.outcome

    def _listen(self, engine: Any) -> None:
        """Stop when asked: by the supervisor (SIGUSR1), or by somebody else."""

        async def listen() -> None:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, engine.stop, "asked")
            loop.add_signal_handler(signal.SIGTERM, engine.stop, "SIGTERM")
            loop.add_signal_handler(signal.SIGINT, engine.stop, "SIGINT")

        self._runner.run(listen())


def working_folder(spec: RunSpec) -> str:
    """Where the kernel starts: the notebook's own folder unless another was named."""
    return spec.folder or str(Path(spec.notebook).parent)


def kernel_name(notebook: bytes) -> str:
    """The kernel that a notebook names; raises `InvalidRequest` if it names none or is none."""
    name = Notebook.read(notebook).kernel
    if not name:
        raise InvalidRequest(
            "The notebook does not say which kernel it is for.",
            fix="Choose one in JupyterLab and save it, or name one with `--kernel`.",
            code="no_kernel",
        )
    return name


def kernel_environment(
    spec: RunSpec,
    inherited: Mapping[str, str],
    given: Mapping[str, str],
    secrets: Mapping[str, str],
) -> dict[str, str]:
    """All variables of the kernel; a seed that is a parameter seeds Python's hashes, too."""
    seed = spec.parameters.get("seed")
    seeded = {}
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 1 << 32:
        seeded = {"PYTHONHASHSEED": str(seed)}
    return {**inherited, **seeded, **given, **spec.environment, **secrets}


if __name__ == "__main__":
    main()
