"""Rules are read, and fire, as with robfig/cron v3, the library behind a Kubernetes CronJob."""

from __future__ import annotations

import importlib.resources
import os
import random
import subprocess
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from mlops_jupyter.training.cron import next_after, parse, time_zone
from mlops_jupyter.types import InvalidRequest
from tests.go import built

SOURCE = Path(__file__).parent / "go_cron"
# by what makes them hard: half an hour, midnight that does not exist or comes twice, winter time
# in summer, two hours, offsets of quarters
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"),
    *("Africa/Cairo", "Asia/Beirut", "America/Havana", "Pacific/Apia", "Africa/Casablanca"),
    *("Antarctica/Troll", "Pacific/Chatham", "Asia/Kathmandu", "Asia/Tehran", "Europe/Dublin"),
)
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
Question = tuple[str, str, int]
Ask = Callable[[list[Question]], list[str]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Asks the Go program for the next five starts of each question."""
    program = built(SOURCE, tmp_path_factory.mktemp("go"), "github.com/robfig/cron")

    def answer(questions: list[Question]) -> list[str]:
        lines = "".join(f"{rule}\t{zone}\t{at}\t5\n" for rule, zone, at in questions)
        done = subprocess.run(
            [str(program)],
            input=lines,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env=os.environ | {"ZONEINFO": zone_data()},
        )
        return done.stdout.splitlines()

    return answer


def zone_data() -> str:
    """The folder that Python reads its zones from, so that both know the same ones."""
    folders = [folder for folder in zoneinfo.TZPATH if Path(folder).is_dir()]
    return folders[0] if folders else str(importlib.resources.files("tzdata") / "zoneinfo")


def ours(question: Question) -> str:
    rule, zone = parse(question[0]), time_zone(question[1])
    at: float | None = question[2]
    starts = []
    while at is not None and len(starts) < 5:
        at = next_after(rule, zone, at)
        starts.append("never" if at is None else str(int(at)))
    return " ".join(starts)


@cache
def changes(zone: str) -> list[int]:
    """When the offset changed, 2012 to 2031, to a quarter of an hour."""
    info, found = time_zone(zone), []
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2012, 2031))

    def offset(at: int) -> object:
        return datetime.fromtimestamp(at, info).utcoffset()

    for start in range(first, last, 7 * 86_400):
        low, high = start, start + 7 * 86_400
        if offset(low) != offset(high):
            while high - low > 900:
                middle = (low + high) // 2
                low, high = (low, middle) if offset(middle) != offset(low) else (middle, high)
            found.append(high)
    return found or [first]


def draw_field(draw: random.Random, low: int, high: int) -> str:
    start = draw.randint(low, high)
    end = draw.randint(start, high)
    step = draw.randint(1, high - low + 3)
    forms = (f"{start}", f"{start}-{end}", f"*/{step}", f"{start}/{step}", f"{start}-{end}/{step}")
    return ",".join(draw.choice(forms) for _ in range(draw.choice((1, 1, 1, 2, 3))))


def draw_rule(draw: random.Random) -> str:
    fields = [
        draw.choice(("*", "?")) if draw.random() < 0.45 else draw_field(draw, *bounds)
        for bounds in BOUNDS
    ]
    return " ".join(fields)


def test_rules_fire_as_robfig_has_it_around_every_change_of_the_clock(ask: Ask) -> None:
    draw = random.Random(4)
    questions: list[Question] = []
    while len(questions) < 3000:
        rule, zone = draw_rule(draw), draw.choice(ZONES)
        at = draw.choice(changes(zone)) + draw.randint(-40 * 3600, 16 * 3600)
        try:
            parse(rule)
        except InvalidRequest as error:
            assert error.code == "never_fires"
            continue
        questions.append((rule, zone, at))
    theirs = ask(questions)
    different = [
        (question, answer, ours(question))
        for question, answer in zip(questions, theirs, strict=True)
        if answer != ours(question)
    ]
    assert different == []


@pytest.mark.parametrize(
    "rule", ["30 2 * * *", "0 0 * * *", "0 * * * *", "*/20 1-3 * * *", "@daily", "15 0 1 * *"]
)
def test_rules_at_the_changed_hours_fire_as_robfig_has_it(ask: Ask, rule: str) -> None:
    questions = [(rule, zone, at - 20 * 3600) for zone in ZONES for at in changes(zone)]
    assert ask(questions) == [ours(question) for question in questions]


def test_a_fixed_time_between_starts_is_kept_as_robfig_has_it(ask: Ask) -> None:
    rules = ("@every 1h", "@every 1h30m", "@every 90.5s", "@every 1.5h", "@every 61s500ms")
    questions = [(rule, "Europe/Berlin", 1_700_000_000) for rule in rules]
    assert ask(questions) == [ours(question) for question in questions]


def test_what_robfig_refuses_is_refused_and_nothing_more(ask: Ask) -> None:
    draw = random.Random(5)
    pieces = ("*", "?", "0", "5", "07", "59", "60", "-", "/", ",", "mon", "JAN", "+3", "x", "1-3")
    rules = ["@daily", "@reboot", "@every", "@every x", "* * * *", "* * * * * *", "0 0 * * 7"]
    rules += [
        " ".join("".join(draw.choices(pieces, k=draw.choice((1, 1, 2, 3)))) for _ in range(5))
        for _ in range(1500)
    ]
    questions = [(rule, "UTC", 1_700_000_000) for rule in rules]
    for rule, answer in zip(rules, ask(questions), strict=True):
        try:
            parse(rule)
            code = ""
        except InvalidRequest as error:
            code = error.code
        if answer.startswith("error"):
            assert code == "invalid_cron", (rule, answer)
        elif answer == "never":
            assert code == "never_fires", rule
        else:
            assert code == "", (rule, answer)
