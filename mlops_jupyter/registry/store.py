"""MLflow's stores: the user's own, or ours in the state directory, asked with bounded patience."""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mlops_jupyter.registry.lineage import without_credentials
from mlops_jupyter.registry.quiet import variables
from mlops_jupyter.registry.said import said
from mlops_jupyter.types import (
    Conflict,
    Forbidden,
    InvalidRequest,
    MlopsError,
    NotFound,
    Unavailable,
)
from mlops_jupyter.types.home import state_home

CONNECT_SECONDS = 5
"""How long a store may take to answer for the first time; MLflow's own patience is minutes."""
_BUSY_SECONDS = 20.0
_EXPERIMENT = "mlops-jupyter"
_ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
_PREPARED: set[str] = set()

T = TypeVar("T")


@dataclass(frozen=True)
class Store:
    """One pair of tracking store and model registry.

    Attributes
    ----------
    home
        Our own store's folder, or None when the user chose a store.
    """

    tracking_uri: str
    registry_uri: str
    home: Path | None = None

    @cached_property
    def client(self) -> Any:
        """MLflow's client of this store; nothing global in MLflow is touched."""
        from mlflow import MlflowClient

        return MlflowClient(self.tracking_uri, self.registry_uri)

    @property
    def shown(self) -> str:
        """The tracking URI without credentials."""
        return without_credentials(self.tracking_uri)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of MLflow's client; a locked database is asked again for 20 seconds.

        Raises
        ------
        MlopsError
            What MLflow raised, as one of ours.
        """
        return self.attempt(lambda: getattr(self.client, method)(*arguments, **options))

    def attempt(self, ask: Callable[[], T]) -> T:
        """Run `ask` with this store's patience and errors."""
        deadline = time.monotonic() + _BUSY_SECONDS
        pause = 0.02
        while True:
            try:
                with _patience():
                    return ask()
            except MlopsError:
                raise
            except Exception as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise self.translated(error) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def translated(self, error: Exception) -> MlopsError:
        """The error of ours that says what MLflow's `error` means."""
        code = str(getattr(error, "error_code", ""))
        text = said(error)
        if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            return NotFound("MLflow does not know it.", reason=text)
        if code in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            return Conflict("MLflow has it already.", reason=text, code="exists")
        if code in ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED") or (
            "error code 401" in text or "error code 403" in text
        ):
            return Forbidden(
                f"MLflow at {self.shown} refuses the call.",
                reason="The credentials are missing or do not allow it.",
                fix="Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD.",
                code="mlflow_refused",
            )
        if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
            return InvalidRequest(f"MLflow at {self.shown} refuses the request.", reason=text)
        return self.unreachable(text)

    def unreachable(self, reason: str) -> Unavailable:
        """The error for a store that does not answer."""
        return Unavailable(
            f"MLflow's store at {self.shown} cannot be used.",
            reason=reason,
            fix="Start it, correct MLFLOW_TRACKING_URI, or unset that to use the local store.",
            code="mlflow_unavailable",
        )

    def experiment(self) -> str:
        """Id of the experiment that runs are made in: the user's choice, or our own."""
        chosen = os.environ.get("MLFLOW_EXPERIMENT_ID")
        if chosen and self.home is None:
            # mlflow.set_experiment leaves it there; an id of another store means nothing in ours
            return chosen
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        found = self.call("get_experiment_by_name", name)
        if found is not None:
            return str(found.experiment_id)
        location = (self.home / "artifacts").as_uri() if self.home else None
        try:
            return str(self.call("create_experiment", name, artifact_location=location))
        except (Conflict, InvalidRequest):
            # another process made it a moment ago
            found = self.call("get_experiment_by_name", name)
            if found is None:
                raise
            return str(found.experiment_id)


def open_store() -> Store:
    """The store that the user chose, else ours; proven to answer within seconds.

    The choice is ``mlflow.set_tracking_uri`` or ``MLFLOW_TRACKING_URI``. MLflow's own default, a
    database in the notebook's working directory, is never used.

    Raises
    ------
    Unavailable
        The store does not answer, or the state directory cannot be written.
    """
    import mlflow

    if mlflow.is_tracking_uri_set():
        store = Store(mlflow.get_tracking_uri(), mlflow.get_registry_uri())
    else:
        folder = working_folder()
        if {"%", "?"} & set(str(folder)):
            raise Unavailable(
                "The registry cannot be kept in the state directory.",
                reason="Its path has a '%' or '?', which the address of a database cannot hold.",
                fix="Set MLOPS_JUPYTER_HOME to another folder.",
                code="state_directory_not_usable",
            )
        uri = "sqlite:///" + str(folder / "mlflow.db")
        store = Store(uri, os.environ.get("MLFLOW_REGISTRY_URI") or uri, folder)
    for uri in dict.fromkeys((store.tracking_uri, store.registry_uri)):
        _knock(store, uri)
    if store.home is not None:
        _prepare(store, store.home)
    return store


def working_folder() -> Path:
    """Where models are written before they are published: a disk, where /tmp may be memory."""
    folder = state_home(create=True) / "mlflow"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def tracking_uri() -> str:
    """The URI that models are registered at, for ``mlflow.set_tracking_uri`` or ``mlflow ui``."""
    return open_store().tracking_uri


def _prepare(store: Store, folder: Path) -> None:
    """Make our own store's tables once, whoever else starts at the same time."""
    database = folder / "mlflow.db"
    if str(database) in _PREPARED and database.exists():
        return
    with _locked(folder / "mlflow.lock"):
        # readers do not wait for a writer, and writers flush once
        with sqlite3.connect(database, timeout=_BUSY_SECONDS) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
        # the default experiment's artifacts would go under the working directory
        with variables(**{_ARTIFACT_ROOT: (folder / "artifacts").as_uri()}):
            store.call("search_registered_models", max_results=1)
    _PREPARED.add(str(database))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _knock(store: Store, uri: str) -> None:
    """Prove that `uri` answers before MLflow tries for minutes."""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        with variables(
            MLFLOW_HTTP_REQUEST_TIMEOUT=str(CONNECT_SECONDS), MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"
        ):
            store.attempt(lambda: store.client.search_registered_models(max_results=1))
    elif parts.scheme.partition("+")[0] in ("postgresql", "mysql", "mssql"):
        port = parts.port or {"postgresql": 5432, "mysql": 3306}.get(parts.scheme[:10], 1433)
        try:
            socket.create_connection((parts.hostname or "localhost", port), CONNECT_SECONDS).close()
        except OSError as error:
            raise store.unreachable(said(error)) from error
    elif parts.scheme == "sqlite":
        _open_sqlite(store, uri)


def _open_sqlite(store: Store, uri: str) -> None:
    import sqlalchemy

    database = sqlalchemy.make_url(uri).database
    if database in (None, "", ":memory:"):
        return
    path = Path(str(database))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=CONNECT_SECONDS)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise store.unreachable(said(error)) from error


@contextmanager
def _patience() -> Iterator[None]:
    """Fewer retries than MLflow's seven with doubling pauses, unless the user says otherwise."""
    with variables(
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="2",
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR="1",
    ):
        yield


def _is_busy(error: BaseException) -> bool:
    text = str(error)
    return "database is locked" in text or "database is busy" in text
