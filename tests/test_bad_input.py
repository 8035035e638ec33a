"""Bad input and bad luck through the whole hub: a clear error, a record, and service goes on."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

import mlops_jupyter as mj
from mlops_jupyter.client import Hub
from mlops_jupyter.types import (
    Conflict,
    Limits,
    MlopsError,
    NotFound,
)
from tests.naughty import Naughty
from tests.types.test_words import ODD_NAMES


@pytest.fixture(scope="module")
def served(home: Path, cancer: Any, classifier: Any, stump: Any) -> Iterator[Hub]:
    """Endpoints `churn` (30 floats) and `naughty` (one text), one replica each."""
    mj.register("churn", classifier, cancer.data)
    mj.register("churn", stump, cancer.data)
    mj.deploy("churn/1")
    mj.register(
        "naughty",
        Naughty(),
        pd.DataFrame({"what": ["hello"]}),
        code_paths=[str(Path(__file__).parent)],
    )
    with Hub.connect(home=home) as hub:
        version = next(iter(hub.versions("naughty")))
        hub.deploy("naughty", version, limits=Limits(deadline_seconds=1.5), wait=60)
        yield hub


@pytest.fixture(scope="module")
def owner(served: Hub, home: Path) -> Iterator[httpx.Client]:
    """An HTTP client with the local user's token."""
    token = (home / "token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=30) as client:
        yield client


def row(cancer: Any) -> dict[str, Any]:
    record: dict[str, Any] = cancer.data.iloc[0].to_dict()
    return record


def refused(
    answer: httpx.Response, hub: Hub, status: int, code: str | None = None
) -> dict[str, Any]:
    """The error's body, after checking that it is clear and recorded."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert body["message"] and body["fix"], body
    if code is not None:
        assert body["code"] == code
    logged = hub.record(answer.headers["x-request-id"]).record
    assert logged["status"] == status
    assert logged["error"] == body["code"]
    return body


# -- the request -------------------------------------------------------------------------------


def frame_of(cancer: Any, **changes: Any) -> bytes:
    values = {**row(cancer), **changes}
    values = {name: value for name, value in values.items() if value is not ...}
    return json.dumps({"dataframe_records": [values]}).encode()


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda c: frame_of(c, **{"mean radius": ...}), 422),
        (lambda c: frame_of(c, **{"mean radius": "secret-text"}), 422),
        (lambda c: frame_of(c, **{"mean radius": [1.0]}), 422),
        (lambda c: frame_of(c, **{"mean radius": True}), 422),
        (lambda c: frame_of(c, **{"mean radius": 2**53 + 1}), 422),
        (lambda c: frame_of(c).replace(b'"mean radius": 17.99', b'"mean radius": NaN'), 400),
        (lambda c: frame_of(c).replace(b'"mean radius": 17.99', b'"mean radius": 1e999'), 400),
        (lambda c: b'{"dataframe_records": []}', 422),
        (lambda c: b'{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', 400),
        (lambda c: b'{"dataframe_splat": {}}', 400),
        (lambda c: b'{"inputs": 1, "inputs": 2}', 400),
        (lambda c: b"", 400),
        (lambda c: b"not json", 400),
        (lambda c: b'\xff\xfe"', 400),
        (lambda c: b'{"dataframe_records": "\\ud800"}', 400),
        (lambda c: b"[" * 100_000 + b"]" * 100_000, 400),
        (lambda c: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
    ],
)  # fmt: skip
def test_data_that_does_not_fit_is_refused_clearly_and_recorded(
    served: Hub, owner: httpx.Client, cancer: Any, make: Any, status: int
) -> None:
    body = refused(owner.post("/endpoints/churn/invocations", content=make(cancer)), served, status)
    assert "secret-text" not in json.dumps(body)
    assert owner.post("/endpoints/churn/invocations", content=frame_of(cancer)).status_code == 200


def test_the_offending_column_and_the_type_are_named(
    served: Hub, owner: httpx.Client, cancer: Any
) -> None:
    bad = frame_of(cancer, **{"worst area": "secret-text"})
    body = refused(owner.post("/endpoints/churn/invocations", content=bad), served, 422)
    assert "worst area" in str(body)
    assert "double" in str(body)


def test_a_body_over_the_limit_is_refused_and_recorded(served: Hub, owner: httpx.Client) -> None:
    answer = owner.post("/endpoints/churn/invocations", content=b"x" * (17 << 20))
    refused(answer, served, 413, "too_large")


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if name not in ("", "..")])
def test_an_odd_name_in_a_path_is_refused(owner: httpx.Client, name: str) -> None:
    from urllib.parse import quote

    for path in (f"/endpoints/{quote(name, safe='')}", f"/v2/models/{quote(name, safe='')}"):
        answer = owner.get(path)
        assert answer.status_code in (400, 404, 431), answer.text
        assert answer.json()["message"]


@pytest.mark.parametrize("path", ["//v2/models/churn", "/V2/models/churn", "/v2/models/%63hurn"])
def test_a_path_in_another_spelling_is_not_another_door(served: Hub, path: str) -> None:
    assert httpx.get(served.url + path).status_code in (401, 404)


def test_unknown_things_are_answered_with_the_nearest_known(
    served: Hub, owner: httpx.Client, cancer: Any
) -> None:
    body = refused(
        owner.post("/endpoints/chrun/invocations", content=frame_of(cancer)), served, 404
    )
    assert "'churn'" in body["fix"]
    with pytest.raises(NotFound, match="churn"):
        mj.deploy("chrun")
    with pytest.raises(NotFound):
        mj.deploy("churn/99")
    with pytest.raises(NotFound):
        mj.deploy("churn@nobody")
    with pytest.raises(MlopsError):
        mj.promote("churn", 99)
    answer = owner.post("/v2/models/churn/versions/2/infer", content=b"{}")
    refused(answer, served, 404, "version_not_served")


# -- the model ---------------------------------------------------------------------------------


def ask(owner: httpx.Client, what: str) -> httpx.Response:
    return owner.post(
        "/endpoints/naughty/invocations", json={"dataframe_records": [{"what": what}]}
    )


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("raise", 500, "ValueError"),
        ("sys.exit", 500, "SystemExit"),
        ("object", 500, ""),
        ("exit", 502, "status 3"),
        ("oom", 502, "SIGKILL"),
        ("hang", 504, "1.5 s"),
    ],
)
def test_a_model_that_misbehaves_fails_its_call_only(
    served: Hub, owner: httpx.Client, what: str, status: int, said: str
) -> None:
    body = refused(ask(owner, what), served, status)
    assert said in str(body)
    again = ask(owner, "hello")
    assert again.status_code == 200, again.text
    assert again.json()["predictions"] == [{"what": "HELLO"}]


def test_a_model_that_prints_megabytes_or_forks_still_answers(
    served: Hub, owner: httpx.Client
) -> None:
    assert ask(owner, "print").status_code == 200
    assert len(served.log("naughty")) <= 64 * 1024
    assert ask(owner, "fork").status_code == 200
    assert ask(owner, "hello").status_code == 200


def test_one_bad_row_does_not_spoil_its_neighbours_in_a_batch(
    served: Hub, home: Path, cancer: Any
) -> None:
    """The classifier refuses NaN; whoever is stacked with it is answered all the same."""
    from tests.traffic import Load

    good, bad = frame_of(cancer), frame_of(cancer, **{"mean radius": None})
    with (
        Load(home, "churn", bad, clients=2) as spoilt,
        Load(home, "churn", good, clients=6) as load,
    ):
        load.more(200)
        spoilt.more(20)
    assert {answer.status for answer in load.answers} == {200}
    assert {answer.status for answer in spoilt.answers} == {500}


# -- changes at once ----------------------------------------------------------------------------


def test_of_two_deploys_at_once_one_wins_and_the_other_hears_the_revision(served: Hub) -> None:
    before = served.status("churn").spec.revision
    version = served.versions("churn")[0]
    outcomes: list[object] = []

    def deploy() -> None:
        with Hub.connect(home=served.home) as hub:
            try:
                outcomes.append(hub.deploy("churn", version, revision=before, wait=60))
            except Conflict as error:
                outcomes.append(error)

    threads = [threading.Thread(target=deploy) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(outcomes) == 2
    assert len(lost) == 1
    assert "revision" in str(lost[0])


def test_a_version_whose_bytes_changed_is_refused(served: Hub, home: Path, cancer: Any) -> None:
    mj.register("tampered", Constant(), cancer.data)
    path = Path(next(iter(served.versions("tampered"))).path)
    stored = list((home / "mlflow").rglob("MLmodel"))
    newest = max(stored, key=lambda found: found.stat().st_mtime)
    newest.chmod(0o644)
    newest.write_text(newest.read_text() + "\n# changed\n")
    with pytest.raises(Conflict, match=r"bytes|digest|changed"):
        mj.deploy("tampered")
    assert path is not None


class Constant:
    """A callable model: always 1."""

    def __new__(cls) -> Any:
        from sklearn.dummy import DummyClassifier

        return DummyClassifier(strategy="constant", constant=1).fit([[0.0] * 30], [1])


# -- the ledger's bad luck ----------------------------------------------------------------------


def test_a_database_locked_by_a_backup_is_a_503_and_passes(
    served: Hub, owner: httpx.Client, home: Path, cancer: Any
) -> None:
    backup = sqlite3.connect(home / "hub.db", isolation_level=None)
    backup.execute("BEGIN IMMEDIATE")
    try:
        answer = owner.post("/endpoints/churn/invocations", content=frame_of(cancer))
        assert answer.status_code == 503
        assert answer.json()["code"] == "audit_unavailable"
    finally:
        backup.execute("ROLLBACK")
        backup.close()
    end = time.monotonic() + 10
    while owner.post("/endpoints/churn/invocations", content=frame_of(cancer)).status_code != 200:
        assert time.monotonic() < end, "the ledger did not recover"
    assert served.verify().ok


# -- tokens -------------------------------------------------------------------------------------


def test_a_token_opens_its_own_endpoint_and_nothing_else(
    served: Hub, owner: httpx.Client, cancer: Any
) -> None:
    made = served.create_token("billing", ["churn"], 3600)
    other = served.create_token("other", ["naughty"], 3600)
    short = served.create_token("short", ["churn"], 0.2)

    def call(token: str | None) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.post(
            f"{served.url}/endpoints/churn/invocations", content=frame_of(cancer), headers=headers
        )

    answer = call(made.token)
    assert answer.status_code == 200
    logged = served.record(answer.headers["x-request-id"]).record
    assert logged["actor"]["sub"] == "app:billing"
    assert logged["actor"]["method"] == "api-token"
    refused(call(None), served, 401)
    refused(call(made.token[:-1] + "x"), served, 401)
    refused(call(other.token), served, 403)
    time.sleep(0.3)
    refused(call(short.token), served, 401)
    served.revoke_token(made.token_id)
    refused(call(made.token), served, 401)
    control = httpx.get(
        f"{served.url}/audit/records", headers={"Authorization": f"Bearer {other.token}"}
    )
    assert control.status_code == 403


def test_a_foreign_host_name_is_refused(served: Hub, owner: httpx.Client, cancer: Any) -> None:
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io"):
        answer = owner.post(
            "/endpoints/churn/invocations", content=frame_of(cancer), headers={"Host": host}
        )
        refused(answer, served, 403)
        assert owner.get("/endpoints", headers={"Host": host}).status_code == 403
