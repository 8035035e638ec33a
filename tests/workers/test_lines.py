"""Programs that speak JSON lines, well and badly, asked without a hub.

Each is a few lines of Python; what is at stake is the protocol, not the language.
"""

from __future__ import annotations

import os
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_jupyter.workers.mlops_worker import (
    BadAnswer,
    LinesProgram,
    Manifest,
    NotReady,
    ProgramEnded,
    ProgramError,
)
from mlops_jupyter.workers.mlops_worker.messages import dump, dump_floats, read
from tests.hub.waiting import until

ECHO = """
    def answer(request):
        say({"id": request["id"], "outputs": {"y": request["inputs"]["x"]}})
"""
FRAME = """
import json, os, signal, subprocess, sys, time

def say(message):
    print(json.dumps(message), flush=True)
%s
say({"ready": True})
for line in sys.stdin:
    answer(json.loads(line))
"""

Start = Callable[..., LinesProgram]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program whose function `answer` is given; it is stopped after the test."""
    started: list[LinesProgram] = []

    def begin(code: str = ECHO, whole: bool = False, **fields: Any) -> LinesProgram:
        code = textwrap.dedent(code)
        (tmp_path / "worker.py").write_text(code if whole else FRAME % code)
        command = fields.pop("command", ("python3", "worker.py"))
        manifest = Manifest("python", command, **{"start_seconds": 20.0, **fields})
        started.append(LinesProgram(manifest, tmp_path))
        return started[-1]

    yield begin
    for program in started:
        program.stop()


def ask(program: LinesProgram, *values: Any) -> Any:
    return program.ask(len(values), {"x": dump(values)})["y"]


def test_each_request_is_answered(start: Start) -> None:
    program = start()
    assert [ask(program, number) for number in range(50)] == [[number] for number in range(50)]


def test_text_of_any_alphabet_goes_in_and_comes_out(start: Start) -> None:
    program = start()
    texts = ["naïve — 東京 🙂", 'quote " backslash \\ newline \n', "\x00\x1f", ""]
    assert ask(program, *texts) == texts


def test_the_environment_is_utf_8_unless_told_otherwise(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    code = """
        def answer(request):
            say({"id": request["id"], "outputs": {"y": [os.environ["LANG"], os.environ["MODE"]]}})
    """
    assert ask(start(code, environment={"MODE": "quick"}), 1) == ["C.UTF-8", "quick"]
    latin = start(code, environment={"MODE": "quick", "LANG": "C"})
    assert ask(latin, 1) == ["C", "quick"]


def test_words_of_the_command_reach_the_program_as_they_are(start: Start, tmp_path: Path) -> None:
    code = """
        def answer(request):
            say({"id": request["id"], "outputs": {"y": sys.argv[1:]}})
    """
    words = ("; touch owned", "$(touch owned)", "a b", "*", "| cat", "")
    assert ask(start(code, command=("python3", "worker.py", *words)), 1) == list(words)
    assert not (tmp_path / "owned").exists()


def test_a_file_of_the_folder_can_be_the_program_also_without_its_mode(
    start: Start, tmp_path: Path
) -> None:
    script = tmp_path / "run"
    script.write_text("#!/bin/sh\nexec python3 worker.py\n")
    script.chmod(0o444)
    assert ask(start(command=("./run",)), 1) == [1]


# -- errors that fail one call --------------------------------------------------------------------


def test_an_error_fails_its_call_with_the_program_s_own_words(start: Start) -> None:
    program = start("""
        def answer(request):
            if request["inputs"]["x"] == ["bad"]:
                said = {"class": "Odd", "message": "It is bad."}
                say({"id": request["id"], "error": said})
            else:
                say({"id": request["id"], "outputs": {"y": [1]}})
    """)
    with pytest.raises(ProgramError, match="It is bad") as failed:
        ask(program, "bad")
    assert failed.value.error_class == "Odd"
    assert ask(program, "good") == [1]


BAD = {
    "half an object": ("""sys.stdout.write('{"id": 1, "outp\\n')""", "is not JSON"),
    "NaN": ("""say({"id": request["id"], "outputs": {"y": [float("nan")]}})""", "write null"),
    "an unknown id": ("""say({"id": 77, "outputs": {"y": [1]}})""", "the id 77"),
    "an id that is text": ("""say({"id": "1", "outputs": {"y": [1]}})""", "the id '1'"),
    "no id": ("""say({"outputs": {"y": [1]}})""", "the id None"),
    "no outputs": ("""say({"id": request["id"]})""", "neither 'outputs' nor 'error'"),
    "a list of outputs": ("""say({"id": request["id"], "outputs": [1]})""", "neither 'outputs'"),
    "no text": ("""sys.stdout.buffer.write(b'{"id": "\\xff"}\\n')""", "is not JSON"),
    "deep": ("""print('{"id":' * 200000, flush=True)""", "is not JSON"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_answer_fails_its_call_and_no_other(start: Start, what: str) -> None:
    code, said = BAD[what]
    program = start(f"""
        def answer(request):
            if request["inputs"]["x"] == ["bad"]:
                {code}
                sys.stdout.flush()
            else:
                say({{"id": request["id"], "outputs": {{"y": [1]}}}})
    """)
    with pytest.raises(BadAnswer, match=said):
        ask(program, "bad")
    assert ask(program, "good") == [1]


def test_a_second_answer_is_logged_and_passed_over(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    program = start("""
        def answer(request):
            for value in ("first", "second"):
                say({"id": request["id"], "outputs": {"y": [value]}})
    """)
    assert ask(program, 1) == ["first"]
    assert ask(program, 2) == ["first"]
    program.stop()
    assert "a second answer to the request 1" in capfd.readouterr().err


def test_noise_on_standard_output_is_log(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    program = start(
        """
        import json, sys
        print("Loading required package: Matrix")
        print(json.dumps({"ready": True}))
        for line in sys.stdin:
            print("[1] 42")
            print()
            sys.stdout.buffer.write(b"\\xff\\xfe no text\\n")
            print(json.dumps({"id": json.loads(line)["id"], "outputs": {"y": [1]}}), flush=True)
        """,
        whole=True,
        environment={"PYTHONIOENCODING": "utf-8"},
    )
    assert [ask(program, 1), ask(program, 1)] == [[1], [1]]
    logged = capfd.readouterr().err
    assert "Loading required package: Matrix" in logged
    assert logged.count("[1] 42") == 2


def test_megabytes_of_noise_between_calls_do_not_stop_it(start: Start) -> None:
    program = start("""
        import threading
        def chat():
            for _ in range(400):
                sys.stdout.write("x" * 9999 + "\\n")
                sys.stderr.write("y" * 9999 + "\\n")
            sys.stdout.flush()
            open("done", "w").close()
        def answer(request):
            say({"id": request["id"], "outputs": {"y": [1]}})
            threading.Thread(target=chat).start()
    """)
    assert ask(program, 1) == [1]
    ours, theirs = os.pipe()
    try:
        thread = threading.Thread(target=program.attend, args=(ours,))
        thread.start()
        folder = Path(psutil.Process(program.pid).cwd())
        until((folder / "done").exists)
        os.write(theirs, b"!")
        thread.join()
    finally:
        os.close(ours)
        os.close(theirs)
    assert ask(program, 1) == [1]


# -- sizes ----------------------------------------------------------------------------------------


def test_fifty_megabytes_go_in_and_come_out(start: Start) -> None:
    text = "x" * (50 << 20)
    assert ask(start(), text) == [text]


def test_a_line_past_the_limit_ends_the_program(start: Start) -> None:
    program = start("""
        def answer(request):
            while True:
                sys.stdout.write("x" * (1 << 20))
    """)
    with pytest.raises(ProgramEnded, match="SIGKILL"):
        ask(program, 1)


def test_a_request_past_the_limit_is_refused_before_it_is_sent(start: Start) -> None:
    program = start()
    with pytest.raises(BadAnswer, match="a line at most 64"):
        ask(program, "x" * (64 << 20))
    assert ask(program, 1) == [1]


# -- its end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit(0)", 0),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -11),
        ("sys.stdout.write('{\"id\": 1, '); sys.stdout.flush(); os._exit(4)", 4),
    ],
)
def test_a_program_that_dies_over_a_request_says_how(start: Start, code: str, status: int) -> None:
    program = start(f"def answer(request): {code}")
    with pytest.raises(ProgramEnded) as ended:
        ask(program, 1)
    assert ended.value.status == status


def test_its_last_words_are_in_the_log_before_its_end_is_told(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    program = start("""
        def answer(request):
            sys.stderr.write("y" * 500_000 + " last words")
            os._exit(1)
    """)
    with pytest.raises(ProgramEnded):
        ask(program, 1)
    assert capfd.readouterr().err.endswith(" last words")


def test_its_end_is_seen_even_if_a_child_of_its_own_holds_its_output(start: Start) -> None:
    program = start("""
        def answer(request):
            subprocess.Popen(["sleep", "60"])
            os._exit(5)
    """)
    with pytest.raises(ProgramEnded) as ended:
        ask(program, 1)
    assert ended.value.status == 5


def test_its_end_is_seen_while_nobody_asks(start: Start) -> None:
    program = start()
    ours, theirs = os.pipe()
    try:
        os.kill(program.pid, 9)
        with pytest.raises(ProgramEnded, match="SIGKILL"):
            program.attend(ours)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_program_that_closes_its_output_is_ended(start: Start) -> None:
    program = start("""
        def answer(request):
            os.close(1)
            time.sleep(600)
    """)
    with pytest.raises(ProgramEnded):
        ask(program, 1)
    assert not psutil.pid_exists(program.pid)


def test_it_ends_by_itself_when_its_input_ends(start: Start, tmp_path: Path) -> None:
    program = start(FRAME % textwrap.dedent(ECHO) + "open('bye', 'w').close()\n", whole=True)
    program.stop()
    assert (tmp_path / "bye").exists()


def test_one_that_ignores_stop_is_killed_with_all_that_it_started(start: Start) -> None:
    program = start("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
        def answer(request):
            say({"id": request["id"], "outputs": {"y": [child.pid]}})
            time.sleep(600)
    """)
    (child,) = ask(program, 1)
    program.stop()
    assert not psutil.pid_exists(program.pid)
    until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# -- before it is ready ---------------------------------------------------------------------------


def test_nothing_at_all_is_not_ready(start: Start) -> None:
    begun = time.monotonic()
    with pytest.raises(NotReady, match=r'did not write {"ready": true} within 0.3 s'):
        start("import time; time.sleep(600)", whole=True, start_seconds=0.3)
    assert time.monotonic() - begun < 60


def test_a_program_that_ends_before_it_is_ready_is_quoted(start: Start) -> None:
    code = "import sys; sys.stderr.write('no package called glmnet\\n'); sys.exit(2)"
    with pytest.raises(NotReady, match=r"ended with status 2 .* words: no package called glmnet"):
        start(code, whole=True)


def test_a_program_may_say_why_it_is_not_ready(start: Start) -> None:
    code = """import json; print(json.dumps({"error": {"message": "The weights are damaged."}}))"""
    with pytest.raises(ProgramError, match="The weights are damaged"):
        start(code, whole=True)


def test_an_absent_program_is_named(start: Start) -> None:
    with pytest.raises(NotReady, match="'no-such-program' cannot be run: No such file"):
        start(command=("no-such-program",))


# -- numbers that JSON has no words for -----------------------------------------------------------


def test_missing_and_infinite_numbers_are_json() -> None:
    text = dump_floats([1.5, float("nan"), float("inf"), -float("inf"), 1e-300])
    assert text == b"[1.5,null,1e999,-1e999,1e-300]"
    assert dump_floats((1.0, float("nan"))) == b"[1.0,null]"
    assert read(b'{"y": [1e999, -1e999, null]}') == {"y": [float("inf"), -float("inf"), None]}


def test_whole_numbers_are_exact_at_any_size(start: Start) -> None:
    assert ask(start(), 2**63 - 1, -(2**63), 2**70) == [2**63 - 1, -(2**63), 2**70]
