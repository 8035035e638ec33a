"""A real JupyterLab or Notebook, with everything it writes in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlops_jupyter

TOKEN = "a-token-of-the-tests"
_PORTS_TRIED = 5
_START_SECONDS = 60


def front_end() -> Path | None:
    """The built front end, or None when nobody has built it."""
    built = os.environ.get("MLOPS_JUPYTER_LABEXTENSION")
    folder = Path(built) if built else Path(mlops_jupyter.__file__).parent / "labextension"
    return folder if (folder / "package.json").is_file() else None


def chromium() -> str | None:
    """Path of a browser that the tests can steer, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


@dataclass(frozen=True)
class Lab:
    """A running server: `home` is its hub's state directory, `notebooks` its root folder."""

    port: int
    home: Path
    notebooks: Path
    log: Path
    pid: int

    def url(self, place: str = "lab") -> str:
        """Address of a page, with the token that opens it."""
        query = "&" if "?" in place else "?"
        return f"http://127.0.0.1:{self.port}/{place}{query}token={TOKEN}"


@contextlib.contextmanager
def own_home() -> Iterator[Path]:
    """A state directory with a path short enough for a Unix socket; its hub is stopped after."""
    from tests.conftest import stop_hub

    home = Path(tempfile.mkdtemp(prefix="mj-"))
    try:
        yield home
    finally:
        stop_hub(home)
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def jupyter(home: Path, app: str = "jupyterlab", config: str = "") -> Iterator[Lab]:
    """Run `python -m app` with the front end and the hub of `home`; `config` is Python text."""
    with tempfile.TemporaryDirectory(prefix="mj-lab-") as name:
        folder = Path(name)
        environment = _prepared(folder, home, config)
        process, port = _started(folder, app, environment)
        try:
            yield Lab(port, home, folder / "notebooks", folder / "lab.log", process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _prepared(folder: Path, home: Path, config: str) -> dict[str, str]:
    front = front_end()
    assert front is not None
    news = folder / "settings" / "@jupyterlab" / "apputils-extension"
    ours = folder / "share" / "labextensions" / "@mlops-jupyter"
    for made in (news, ours, *(folder / n for n in ("config", "runtime", "spaces", "notebooks"))):
        made.mkdir(parents=True)
    # else a question about news lies over the lower right corner
    settings = {"fetchNews": "false", "checkForUpdates": False}
    (news / "notification.jupyterlab-settings").write_text(json.dumps(settings))
    (ours / "labextension").symlink_to(front.absolute())
    server = {"ServerApp": {"jpserver_extensions": {"mlops_jupyter": True}}}
    (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(server))
    (folder / "config" / "jupyter_server_config.py").write_text(config)
    kept = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return kept | {
        "MLOPS_JUPYTER_HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        # goes before what is installed in the environment
        "JUPYTER_PATH": str(folder / "share"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "spaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }


def _started(
    folder: Path, app: str, environment: dict[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    exposed = "LabApp" if app == "jupyterlab" else "JupyterNotebookApp"
    for _ in range(_PORTS_TRIED):
        port = _free_port()
        command = [
            *(sys.executable, "-m", app, "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={TOKEN}", f"--{exposed}.expose_app_in_browser=True"),
            f"--ServerApp.root_dir={folder / 'notebooks'}",
        ]
        with (folder / "lab.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=folder / "notebooks"
            )
        if _answers(process, port):
            return process, port
        process.kill()
        process.wait()
    raise RuntimeError((folder / "lab.log").read_text(errors="replace")[-2000:])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait for the server; False when it ended, as it does when somebody took the port first."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
