"""``mlops-jupyter hub install-service``: a systemd user unit, so that schedules live at night.

See systemd.service(5) and systemd.unit(5) for what the lines mean.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from mlops_jupyter.cli.output import write, write_json
from mlops_jupyter.client.home import home_path
from mlops_jupyter.types import MlopsError, Unavailable

UNIT = "mlops-jupyter.service"
_TEMPLATE = """\
[Unit]
Description=mlops-jupyter: models, runs and schedules of {user}
After=network-online.target

[Service]
Type=exec
ExecStart={python} -m mlops_jupyter.hub
Environment={home}
Restart=on-failure
RestartSec=2
# runs have supervisors of their own, which go on without the hub
KillMode=process

[Install]
WantedBy=default.target
"""


def unit_text(python: str, home: Path, user: str) -> str:
    """The unit that runs the hub of one state directory."""
    return _TEMPLATE.format(
        python=_quoted(python), home=_quoted(f"MLOPS_JUPYTER_HOME={home}"), user=_plain(user)
    )


def unit_path() -> Path:
    """Where systemd looks for units of this user (XDG_CONFIG_HOME, else ~/.config)."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user" / UNIT


def install(parsed: argparse.Namespace) -> None:
    """Write the unit, and start it where systemd runs for this user."""
    path = unit_path()
    text = unit_text(sys.executable, home_path(), os.environ.get("USER", ""))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise MlopsError(
            f"{path} cannot be written.",
            reason=f"{error.strerror}.",
            fix="Make the folder writable, or write the unit yourself.",
            code="file_not_writable",
        ) from error
    started = _enable() if parsed.start else False
    if parsed.json:
        write_json({"unit": str(path), "started": started})
        return
    write(f"The unit is at {path}.")
    if started:
        write("The hub runs by it now. To let it run while nobody is logged in: loginctl "
              "enable-linger.")  # fmt: skip
    else:
        write(f"Start it: systemctl --user enable --now {UNIT}; to let it run while nobody is "
              "logged in: loginctl enable-linger.")  # fmt: skip


def _enable() -> bool:
    """Let systemd start the unit now and at each login."""
    if shutil.which("systemctl") is None:
        raise Unavailable(
            "There is no systemd here.",
            reason="The command systemctl is not installed.",
            fix="Let another service manager run: python -m mlops_jupyter.hub.",
            code="no_systemd",
        )
    for words in (["daemon-reload"], ["enable", "--now", UNIT]):
        done = subprocess.run(
            ["systemctl", "--user", *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(
                "systemd did not start the unit.",
                reason=done.stderr.strip()[:500],
                fix=f"See systemctl --user status {UNIT}.",
                code="service_not_started",
            )
    return True


def _quoted(text: str) -> str:
    """A word of a unit file, as systemd.syntax(7) has it."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{inner}"'


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).replace("%", "%%") or "this user"
