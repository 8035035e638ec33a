"""The command line against a scripted hub: what it prints, and how it ends."""

import csv
import io
import json
import os
import pty
import struct
import subprocess
import sys
import time

import pytest

from mlops_jupyter.cli import main
from mlops_jupyter.cli.bodies import readable
from tests.client.scripted import Answer, ScriptedHub
from tests.client.test_hub import STATUS, TOKEN

RECORD = {
    "index": 7,
    "id": "018f",
    "kind": "prediction",
    "t_wall_us": 1_790_000_000_000_000,
    "actor": {"sub": "app:billing"},
    "endpoint": "churn",
    "model": {"name": "churn", "version": 3},
    "rows": 2,
    "status": 502,
    "error": "worker_died",
    "latency_us": 1234,
}
EVIL = RECORD | {"index": 8, "endpoint": "=cmd()\x1b[31m\u202e", "error": "-1\r\n+x"}


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """``run(script, *arguments) -> (status, out, err, requests)`` against a scripted hub."""
    monkeypatch.setenv("MLOPS_JUPYTER_HOME", str(tmp_path))
    servers = []

    def call(script, *arguments):
        if script is not None:
            servers.append(ScriptedHub(tmp_path, script))
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        out, err = capfd.readouterr()
        return status, out, err, servers[-1].asked if servers else []

    yield call
    for server in servers:
        server.close()


def always(answer):
    return lambda asked: answer


# -- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["hub"],
        ["hub", "nonsense"],
        ["token", "create", "billing"],
        ["token", "create", "billing", "--endpoint", "churn"],
        ["token", "revoke"],
        ["audit", "search", "--limit", "many"],
        ["audit", "search", "--kind", "nonsense"],
        ["audit", "show"],
        ["audit", "show", "7", "--input", "--output"],
        ["endpoints", "promote", "churn", "three"],
        ["endpoints", "traffic", "churn"],
        ["hub", "logs", "-n", "-1"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_shows_the_usage(run, arguments):
    status, out, err, _ = run(None, *arguments)
    assert (status, out) == (2, "")
    assert "usage: mlops-jupyter" in err


@pytest.mark.parametrize("words", [[], ["hub"], ["token"], ["audit"], ["endpoints"]])
def test_words_before_a_verb_show_the_whole_help(run, words):
    status, _, err, _ = run(None, *words)
    assert status == 2
    assert "show this help message" in err


@pytest.mark.parametrize(
    "words",
    [
        ["whoami"],
        ["endpoints", "list"],
        ["endpoints", "show", "churn"],
        ["endpoints", "log", "churn"],
        ["token", "list"],
        ["audit", "search"],
        ["audit", "show", "7"],
    ],
)
def test_who_only_looks_starts_no_hub_and_hears_how_to(run, tmp_path, words):
    status, out, err, _ = run(None, *words)
    assert (status, out) == (1, "")
    assert err.startswith("mlops-jupyter: hub_not_running: No hub runs.")
    assert "mlops-jupyter hub start" in err
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    "words", [[], ["hub"], ["token"], ["token", "create"], ["audit", "search"], ["endpoints"]]
)
def test_help_ends_with_0(run, words):
    status, out, _, _ = run(None, *words, "--help")
    assert status == 0
    assert "usage: mlops-jupyter" in out


ERROR = {"code": "endpoint_not_found", "message": "There is no endpoint\x1b[2J 'x'.",
         "reason": "Did you\nmean 'y'?", "fix": "Deploy it: %deploy x."}  # fmt: skip


def test_an_error_is_one_line_with_what_why_and_how(run):
    status, out, err, _ = run(always(Answer(404, ERROR)), "endpoints", "show", "x")
    assert (status, out) == (1, "")
    assert err == (
        "mlops-jupyter: endpoint_not_found: There is no endpoint\\x1b[2J 'x'. Did you mean 'y'? "
        "Fix: Deploy it: %deploy x.\n"
    )


def test_an_error_is_json_where_json_is_wanted(run):
    status, out, err, _ = run(always(Answer(404, ERROR)), "endpoints", "show", "x", "--json")
    assert (status, out) == (1, "")
    assert json.loads(err) == ERROR


@pytest.mark.parametrize("expires", ["", "90", "soon", "0d"])
def test_a_duration_that_is_none_is_an_error_of_one_line(run, expires):
    status, _, err, asked = run(
        always(TOKEN), "token", "create", "billing", "--endpoint", "churn", "--expires", expires
    )
    assert status == 2
    assert err.startswith("mlops-jupyter: invalid_duration:")
    assert err.count("\n") == 1
    assert asked == []


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path):
    server = ScriptedHub(tmp_path, always({"records": [RECORD] * 500, "next": None}))
    try:
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m mlops_jupyter.cli audit search --limit 500 "
             "--format json | head -1; exit ${PIPESTATUS[0]}"],
            env={"MLOPS_JUPYTER_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        server.close()
    assert (done.returncode, done.stderr) == (0, "")


# -- small words ----------------------------------------------------------------------------------


def test_version(run):
    from mlops_jupyter import __version__

    assert run(None, "version")[1] == __version__ + "\n"
    assert json.loads(run(None, "version", "--json")[1]) == {"version": __version__}


def test_whoami(run):
    who = {"subject": "user:ada", "kind": "os-user", "method": "token-file", "token_id": None,
           "rights": ["read", "invoke"], "on_behalf_of": None}  # fmt: skip
    assert run(always(who), "whoami")[1] == "user:ada (os-user, proven by token-file)\n"
    assert json.loads(run(always(who), "whoami", "--json")[1]) == who


def test_a_status_without_a_hub_starts_none_and_ends_with_1(run, tmp_path):
    status, out, _, _ = run(None, "hub", "status")
    assert status == 1
    assert out == f"No hub runs (state in {tmp_path}).\n"
    status, out, _, _ = run(None, "hub", "status", "--json")
    assert json.loads(out) == {"running": False, "home": str(tmp_path)}
    assert list(tmp_path.iterdir()) == []


def test_the_status_of_a_hub(run):
    info = {"version": "1.2", "pid": 4, "started_at": 1.0, "url": "http://u", "socket": None,
            "home": "/h", "python": "/p", "endpoints": 2, "gpus": [],
            "ledger": {"size": 9, "bytes": 8, "ok": False, "reason": "disk full"}}  # fmt: skip
    status, out, _, _ = run(always(info), "hub", "status")
    assert status == 0
    assert "1.2, process 4" in out
    assert "9 records, 8 bytes, DOES NOT WRITE: disk full" in out
    assert json.loads(run(always(info), "hub", "status", "--json")[1])["running"] is True


def test_stopping_what_does_not_run_is_done(run):
    assert run(None, "hub", "stop")[:2][0] == 0


def test_logs_show_the_last_lines(run, tmp_path):
    assert run(None, "hub", "logs")[0] == 1
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "hub.log").write_text("".join(f"line {i}\x1b\n" for i in range(100)))
    status, out, _, _ = run(None, "hub", "logs", "-n", "2")
    assert (status, out) == (0, "line 98\\x1b\nline 99\\x1b\n")
    assert run(None, "hub", "logs", "-n", "0")[1] == ""


def test_logs_are_followed_through_a_rotation(tmp_path):
    log = tmp_path / "logs" / "hub.log"
    log.parent.mkdir()
    log.write_text("old\nlast\n")
    follower = subprocess.Popen(
        [sys.executable, "-u", "-m", "mlops_jupyter.cli", "hub", "logs", "-f", "-n", "1"],
        env={"MLOPS_JUPYTER_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout.readline() == "last\n"
        with log.open("a") as file:
            file.write("added\nhalf")
            file.flush()
            assert follower.stdout.readline() == "added\n"
            file.write(" and whole\n")
        assert follower.stdout.readline() == "half and whole\n"
        log.rename(log.with_suffix(".1"))
        log.write_text("new\n")
        assert follower.stdout.readline() == "new\n"
    finally:
        follower.kill()
        follower.communicate()


# -- tokens ---------------------------------------------------------------------------------------


def test_a_new_token_alone_goes_to_standard_output(run):
    made = TOKEN | {"token": "mlo_0123_secret", "expires_at": time.time() + 60}
    status, out, err, asked = run(
        always(Answer(201, made)),
        "token", "create", "billing", "--endpoint", "churn", "--endpoint", "fraud",
        "--expires", "90d", "--allow-unknown",
    )  # fmt: skip
    assert (status, out) == (0, "mlo_0123_secret\n")
    assert "shown again" in err
    assert "mlo_0123_secret" not in err
    assert asked[0].json == {
        "application": "billing", "endpoints": ["churn", "fraud"],
        "expires_seconds": 90 * 86400,
    }  # fmt: skip


def test_a_token_for_an_endpoint_that_is_not_there_is_refused(run):
    def script(asked):
        return [STATUS] if asked.method == "GET" else Answer(201, TOKEN | {"token": "mlo_x"})

    words = ("token", "create", "billing", "--expires", "1d", "--endpoint")
    status, out, err, asked = run(script, *words, "chrun")
    assert (status, out) == (1, "")
    assert "endpoint_not_found" in err
    assert "Did you mean 'churn'?" in err
    assert "--allow-unknown" in err
    assert [one.method for one in asked] == ["GET"]
    assert run(script, *words, "churn")[:2] == (0, "mlo_x\n")
    assert run(script, *words, "later", "--allow-unknown")[:2] == (0, "mlo_x\n")


def test_tokens_are_listed_with_their_state(run):
    later = time.time() + 1000
    answer = [
        TOKEN | {"token_id": "a", "expires_at": later},
        TOKEN | {"token_id": "b"},
        TOKEN | {"token_id": "c", "expires_at": later, "revoked_at": 5.0},
    ]
    lines = run(always(answer), "token", "list")[1].splitlines()
    assert lines[0].split() == [
        "ID",
        "APPLICATION",
        "ENDPOINTS",
        "STATE",
        "EXPIRES",
        "CREATED",
        "BY",
    ]
    assert [line.split()[3] for line in lines[1:]] == ["valid", "expired", "revoked"]
    assert json.loads(run(always(answer), "token", "list", "--json")[1])[1]["token_id"] == "b"
    assert "no token" in run(always([]), "token", "list")[1]


def test_a_token_is_revoked(run):
    status, out, _, asked = run(always(Answer(204)), "token", "revoke", "0123")
    assert (status, out) == (0, "The token 0123 is revoked.\n")
    assert (asked[0].method, asked[0].path) == ("DELETE", "/tokens/0123")


# -- the ledger -----------------------------------------------------------------------------------


def test_a_search_asks_for_what_was_meant(run):
    before = time.time() - 86400
    _, _, _, asked = run(
        always({"records": []}),
        "audit", "search", "--endpoint", "churn", "--model", "m", "--version", "3", "--by", "ada",
        "--kind", "prediction", "--status", "502", "--failed", "--since", "24h",
        "--until", "2026-11-23T08:00+00:00", "--text", "x y", "--limit", "5",
    )  # fmt: skip
    query = asked[0].query
    assert abs(float(query.pop("since")) - before) < 60
    assert query == {
        "endpoint": "churn", "model": "m", "version": "3", "caller": "user:ada",
        "kind": "prediction", "status": "502", "failed": "1", "until": "1795420800.0",
        "text": "x y", "limit": "5",
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["search", "export"])
def test_the_endpoint_may_stand_alone(run, verb):
    _, _, _, asked = run(always({"records": []}), "audit", verb, "churn")
    assert asked[0].query["endpoint"] == "churn"
    status, _, err, _ = run(always({}), "audit", verb, "churn", "--endpoint", "fraud")
    assert status == 2
    assert "two_endpoints" in err


def test_a_caller_with_a_kind_is_taken_as_he_is(run):
    _, _, _, asked = run(always({"records": []}), "audit", "search", "--caller", "app:billing")
    assert asked[0].query["caller"] == "app:billing"


def test_a_search_turns_pages_until_it_has_enough(run):
    def pages(asked):
        start = int(asked.query.get("before", 1000))
        count = min(int(asked.query["limit"]), 40)
        records = [RECORD | {"index": start - 1 - i} for i in range(count)]
        return {"records": records, "next": start - count}

    _, out, _, asked = run(pages, "audit", "search", "--limit", "100", "--format", "jsonl")
    assert [json.loads(line)["index"] for line in out.splitlines()] == list(range(999, 899, -1))
    assert [request.query["limit"] for request in asked] == ["100", "60", "20"]


def test_a_table_of_records(run):
    _, out, _, _ = run(always({"records": [RECORD, EVIL]}), "audit", "search")
    head, first, second = out.splitlines()
    assert head.split()[:3] == ["INDEX", "WHEN", "WHO"]
    assert "app:billing" in first
    assert first.split()[-3:] == ["502", "worker_died", "1.2"]
    assert "=cmd()\\x1b[31m\\u202e" in second
    assert out.isascii()
    assert run(always({"records": []}), "audit", "search")[1] == "No record fits.\n"


def test_records_as_json(run):
    for arguments in (["--format", "json"], ["--json"]):
        assert json.loads(run(always({"records": [EVIL]}), "audit", "search", *arguments)[1]) == [
            EVIL
        ]


def test_records_as_csv_hold_no_formula(run, tmp_path):
    file = tmp_path / "out.csv"
    run(always({"records": [EVIL]}), "audit", "search", "--format", "csv", "-o", file)
    (row,) = csv.DictReader(io.StringIO(file.read_bytes().decode(), newline=""))
    assert row["endpoint"].startswith("'=cmd()")
    assert row["error"] == "'-1\r\n+x"
    assert row["status"] == "502"


def test_a_file_that_cannot_be_written_is_a_clear_error(run, tmp_path):
    status, _, err, _ = run(
        always({"records": []}), "audit", "search", "-o", tmp_path / "no" / "where"
    )
    assert status == 1
    assert err.startswith("mlops-jupyter: file_not_writable:")


def test_an_export_that_breaks_off_leaves_no_half_file(run, tmp_path):
    file = tmp_path / "out.jsonl"
    file.write_text("what was there")
    status, _, _, _ = run(
        always(Answer(200, b"x\n", {"Content-Length": "100", "Connection": "close"})),
        "audit", "export", "-o", file,
    )  # fmt: skip
    assert status == 1
    assert file.read_text() == "what was there"
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_an_export_is_what_the_hub_says(run):
    lines = b'{"a":1}\n' * 1000
    _, out, _, asked = run(always(Answer(200, lines)), "audit", "export", "--endpoint", "churn")
    assert out.encode() == lines
    assert asked[0].query == {"format": "jsonl", "endpoint": "churn"}


def test_one_record_and_its_payloads(run, tmp_path):
    found = {"record": RECORD, "index": 7, "log": "l", "leaf": "aa"}
    assert json.loads(run(always(found), "audit", "show", "018f")[1]) == found
    file = tmp_path / "payload"
    _, _, _, asked = run(
        always(Answer(200, b"\x00\xff")), "audit", "show", "7", "--input", "-o", file
    )
    assert file.read_bytes() == b"\x00\xff"
    assert asked[0].path == "/audit/records/7/input"


def in_a_terminal(home, *arguments):
    """What a command writes when its standard output is a terminal."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "mlops_jupyter.cli", *arguments],
            env={"MLOPS_JUPYTER_HOME": str(home)}, stdout=theirs, timeout=60, check=True,
        )  # fmt: skip
        return os.read(ours, 65536).replace(b"\r\n", b"\n")
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_gets_a_body_as_a_table_and_a_file_its_bytes(run, tmp_path):
    head = {"outputs": [{"name": "p", "datatype": "INT64", "shape": [2],
                         "parameters": {"binary_data_size": 16}}]}  # fmt: skip
    body = json.dumps(head).encode() + struct.pack("<2q", 1, 42)
    server = ScriptedHub(
        tmp_path, always(Answer(200, body, {"Content-Type": "application/octet-stream"}))
    )
    try:
        shown = in_a_terminal(tmp_path, "audit", "show", "7", "--output")
        assert shown.split() == [b"ROW", b"P", b"0", b"1", b"1", b"42"]
        raw = in_a_terminal(tmp_path, "audit", "show", "7", "--output", "--raw")
        assert raw.startswith(json.dumps(head).encode())
    finally:
        server.close()
    file = tmp_path / "body"
    run(always(Answer(200, body)), "audit", "show", "7", "--output", "-o", file)
    assert file.read_bytes() == body


@pytest.mark.parametrize(
    ("body", "cells"),
    [
        ({"predictions": [1, 2]}, ["ROW", "PREDICTIONS", "0", "1", "1", "2"]),
        ({"predictions": [{"a": 1}, {"a": 2}]}, ["ROW", "A", "0", "1", "1", "2"]),
        (
            {"dataframe_split": {"columns": ["x", "s"], "data": [[0.5, "t"]]}},
            ["ROW", "X", "S", "0", "0.5", "t"],
        ),
        ({"dataframe_records": [{"x": None}]}, ["ROW", "X", "0", "missing"]),
        ({"inputs": {"x": [1], "y": [True]}}, ["ROW", "X", "Y", "0", "1", "True"]),
        (
            {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]},
            ["ROW", "X[0]", "X[1]", "0", "1", "2"],
        ),
        ({"other": [1]}, ["{", '"other":', "[", "1", "]", "}"]),
    ],
)
def test_bodies_in_json_are_read(body, cells):
    assert readable(json.dumps(body).encode(), "application/json").split() == cells


def test_other_bodies_are_read_or_named():
    assert readable(b"x,y\n1,2\n", "text/csv").split() == ["ROW", "X", "Y", "0", "1", "2"]
    assert readable(b"\xff\x00", "image/png") == (
        "2 bytes of image/png; --raw writes them as they are."
    )
    head = {"inputs": [{"name": "é", "datatype": "BYTES", "shape": [2],
                        "parameters": {"binary_data_size": 10}}]}  # fmt: skip
    text = json.dumps(head, ensure_ascii=False).encode()
    body = text + b"\x02\0\0\0hi" + b"\xff\xff\xff\xff"
    assert readable(body, "application/octet-stream").split() == [
        "ROW",
        "É",
        "0",
        "hi",
        "1",
        "missing",
    ]
    many = json.dumps({"predictions": list(range(60))}).encode()
    assert readable(many, "application/json").endswith("… and 10 more rows")


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["receipt", "7"], "/audit/records/7/receipt"),
        (["checkpoint"], "/audit/checkpoint"),
        (["key"], "/audit/key"),
    ],
)
def test_proofs_are_written_as_they_are(run, tmp_path, arguments, path):
    note = "origin\n3\nroot=\n\n\u2014 name sig\n".encode()
    _, out, _, asked = run(always(Answer(200, note)), "audit", *arguments)
    assert out.encode() == note
    assert asked[0].path == path
    run(always(Answer(200, note)), "audit", *arguments, "-o", tmp_path / "proof")
    assert (tmp_path / "proof").read_bytes() == note


def test_a_ledger_that_holds_together_ends_with_0(run, tmp_path):
    (tmp_path / "note").write_text("origin\n\u2014 x\n", "utf-8")
    answer = {"ok": True, "size": 3, "records_per_second": 250_000.0, "checked": {"leaves": 3}}
    status, out, _, asked = run(always(answer), "audit", "verify", "--against", tmp_path / "note")
    assert status == 0
    assert out == "The ledger holds together: 3 records (leaves 3), 250,000 records/s.\n"
    assert asked[0].json == {"against": "origin\n\u2014 x\n"}


def test_a_ledger_that_does_not_hold_together_ends_with_1_and_names_where(run):
    answer = {"ok": False, "size": 3, "problems": [{"index": 2, "what": "It was edited.\x1b"}]}
    status, out, _, _ = run(always(answer), "audit", "verify")
    assert status == 1
    assert "does NOT hold together" in out
    assert "record 2: It was edited.\\x1b" in out
    status, out, _, _ = run(always(answer), "audit", "verify", "--json")
    assert status == 1
    assert json.loads(out)["problems"][0]["index"] == 2


def test_a_checkpoint_that_is_not_there_is_a_clear_error(run, tmp_path):
    status, _, err, asked = run(
        always({"ok": True}), "audit", "verify", "--against", tmp_path / "none"
    )
    assert status == 1
    assert err.startswith("mlops-jupyter: file_not_readable:")
    assert asked == []


# -- endpoints ------------------------------------------------------------------------------------


def test_endpoints_are_listed(run):
    _, out, _, _ = run(always([STATUS]), "endpoints", "list")
    assert out.splitlines()[1].split() == [
        "churn", "ready", "churn", "3=90%", "4=10%", "5=shadow", "elastic:1-4,target=2", "1/1",
        "1.5", "2.5", "7",
    ]  # fmt: skip
    assert (
        json.loads(run(always([STATUS]), "endpoints", "list", "--json")[1])[0]["state"] == "ready"
    )
    assert "no endpoint" in run(always([]), "endpoints", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (["scale", "churn", "serverless"], "scale", {"mode": "serverless", "min": 0, "max": 1}),
        (
            ["traffic", "churn", "3=90", "4=10%", "--shadow", "5"],
            "traffic",
            {"weights": {"3": 90, "4": 10}, "shadows": [5], "versions": []},
        ),
        (["promote", "churn", "4"], "promote", {"version": 4}),
        (
            ["promote", "churn", "4", "--alias", "champion", "--revision", "7"],
            "promote",
            {"version": 4, "alias": "champion", "revision": 7},
        ),
        (["rollback", "churn"], "rollback", {}),
        (["undeploy", "churn", "--revision", "7"], "undeploy", {"revision": 7}),
    ],
)
def test_an_endpoint_is_changed_and_shown(run, arguments, path, body):
    status, out, _, asked = run(always(STATUS), "endpoints", *arguments)
    assert status == 0
    assert out.startswith("churn: ready\n")
    assert asked[0].path == f"/endpoints/churn/{path}"
    sent = asked[0].json
    if path == "scale":
        sent = {name: sent["scaling"][name] for name in body}
    assert sent == body


@pytest.mark.parametrize("weights", [["3"], ["3=x"], ["3=90", "3=10"], ["0=100"], ["3=1000"]])
def test_shares_that_are_none_are_not_sent(run, weights):
    status, _, err, asked = run(always(STATUS), "endpoints", "traffic", "churn", *weights)
    assert status == 2
    assert err.startswith("mlops-jupyter: invalid_traffic:")
    assert asked == []


def test_the_workers_output_is_shown_without_its_escapes(run):
    _, out, _, _ = run(always(Answer(200, b"hello\n\x1b[31mred\n")), "endpoints", "log", "churn")
    assert out == "hello\n\\x1b[31mred\n"
