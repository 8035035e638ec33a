"""Schedules through a real hub: cron rules that start runs, with a CronJob's meaning."""

import asyncio
import contextlib
import time

import pytest

from mlops_jupyter.client.hub import Hub
from mlops_jupyter.hub import schedules as schedules_module
from mlops_jupyter.hub.notices import Notices
from mlops_jupyter.hub.run_store import RunFilter, RunStore
from mlops_jupyter.hub.running import Running
from mlops_jupyter.hub.runs import Runs
from mlops_jupyter.hub.schedule_store import ScheduleStore
from mlops_jupyter.hub.schedules import Schedules
from mlops_jupyter.serving.gpus import GpuInventory
from mlops_jupyter.training.queue import Slots
from mlops_jupyter.types import Conflict, InvalidRequest, NotFound, RunSpec, ScheduleSpec

MINUTE = "* * * * *"
START = 1_790_000_000.0 - 1_790_000_000.0 % 60
"""A whole minute."""


@pytest.fixture
def own_hub(tmp_path):
    """A hub that a test may kill, without what it started."""
    hub = Hub.connect(home=tmp_path / "state")
    yield hub
    for one in hub.schedules():
        hub.delete_schedule(one.spec.name)
    for run in hub.runs(state="active", limit=1000).runs:
        hub.cancel_run(run.id, wait=60.0)
    hub.stop()


def test_a_schedule_says_when_it_starts_next(own_hub, notebook):
    status = own_hub.save_schedule(
        notebook("1", parameters="lr = 0.1"),
        "0 2 * * *",
        name="nightly",
        time_zone="Europe/Berlin",
        parameters={"lr": 0.5},
    )
    assert (status.spec.name, status.revision, status.active) == ("nightly", 1, ())
    assert status.next_at is not None and 0 < status.next_at - time.time() <= 26 * 3600
    assert own_hub.schedule("nightly").spec.run.parameters == {"lr": 0.5}
    assert [one.spec.name for one in own_hub.schedules()] == ["nightly"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cron": "0 25 * * *"}, "hour"),
        ({"cron": "0 0 30 2 *"}, "never"),
        ({"cron": "hourly"}, "minute"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"parameters": {"lr": "fast"}}, "lr"),
        ({"parameters": {"depth": 3}}, "depth"),
        ({"concurrency": "Sometimes"}, "Allow"),
        ({"jitter_seconds": -1.0}, "jitter"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_when_it_is_made(own_hub, notebook, change, said):
    asked = {"cron": "0 2 * * *", **change}
    with pytest.raises(InvalidRequest, match=said):
        own_hub.save_schedule(notebook("1", parameters="lr = 0.1"), name="bad", **asked)
    assert own_hub.schedules() == []


def test_a_schedule_of_another_revision_is_not_replaced(own_hub, notebook):
    path = notebook("1")
    own_hub.save_schedule(path, "0 2 * * *", name="nightly")
    with pytest.raises(Conflict):
        own_hub.save_schedule(path, "0 3 * * *", name="nightly", revision=0)
    changed = own_hub.save_schedule(path, "0 3 * * *", name="nightly", revision=1)
    assert (changed.spec.cron, changed.revision) == ("0 3 * * *", 2)


def test_it_can_be_started_by_hand_beside_its_rule(own_hub, notebook):
    own_hub.save_schedule(notebook("1"), "0 2 1 1 *", name="yearly")
    own_hub.trigger_schedule("yearly")
    (run,) = own_hub.runs(schedule="yearly").runs
    assert own_hub.wait_for_run(run.id).state == "succeeded"


def test_what_is_done_to_schedules_is_recorded(own_hub, notebook):
    own_hub.save_schedule(notebook("1"), "0 2 * * *", name="nightly")
    own_hub.suspend_schedule("nightly", suspended=True)
    own_hub.delete_schedule("nightly")
    with pytest.raises(NotFound, match="no schedule 'nightly'"):
        own_hub.schedule("nightly")
    actions = [
        record["action"]
        for record in own_hub.records(kind="control").records
        if record["action"].startswith("schedule.")
    ]
    assert actions == ["schedule.delete", "schedule.suspend", "schedule.save"]


class Hall:
    """Runs and schedules of one hub whose clock stands until it is moved."""

    def __init__(self, home, books):
        self.now = START
        self._store = RunStore(books.engine, books.reader, books.ledger)
        slots = Slots(cpus=2, memory_bytes=1 << 40, gpus=0)
        self.runs = Runs(Running(self._store, home.runs, Notices(), slots, GpuInventory(tuple)))
        store = ScheduleStore(books.engine, books.reader, books.ledger)
        self.schedules = Schedules(
            store, self.runs, self._store, Notices(), home.notebooks, lambda: self.now
        )

    async def save(self, notebook, ada, **fields):
        spec = ScheduleSpec(name="tick", cron=MINUTE, run=RunSpec(str(notebook)), **fields)
        await self.schedules.save(spec, {}, ada, None)

    def found(self, state=None):
        """The schedule's runs, newest first."""
        page, _ = self._store.page(RunFilter(schedule="tick", state=state))
        return [self.runs.get(run) for run, _ in page]

    async def until(self, condition):
        """Wait until `condition` gives something true, and return it."""
        async with asyncio.timeout(120):
            while not (found := condition()):
                await asyncio.sleep(0.02)
        return found


@pytest.fixture
def hall(home, books, monkeypatch):
    """A function that runs a coroutine function with the runs and schedules of a hub."""
    monkeypatch.setattr(schedules_module, "LOOK_SECONDS", 0.02)

    async def during(work):
        hall = Hall(home, books)
        tasks = [
            asyncio.create_task(hall.runs.supervise()),
            asyncio.create_task(hall.schedules.keep_time()),
        ]
        try:
            await work(hall)
            for run in hall.runs.active():
                hall.runs.cancel(run.id, None)
            await hall.until(lambda: not hall.runs.active())
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await hall.runs.close()

    return lambda work: asyncio.run(during(work))


LONG = "import time\ntime.sleep(1000)"


def test_a_due_start_makes_a_run_that_says_so(hall, notebook, ada):
    async def work(hall):
        await hall.save(notebook("1"), ada)
        hall.now = START + 60.5
        (run,) = await hall.until(lambda: hall.found("succeeded"))
        assert (run.spec.trigger.kind, run.spec.trigger.of) == ("schedule", "tick")
        assert (run.submitted_by, run.record["scheduled_at"]) == ("hub", START + 60)
        status = hall.schedules.status("tick")
        assert (status.last_run, status.last_at) == (run.id, START + 60)
        assert (status.last_state, status.next_at) == ("succeeded", START + 120)

    hall(work)


def test_a_suspended_schedule_starts_nothing_until_it_is_resumed(hall, notebook, ada):
    async def work(hall):
        await hall.save(notebook("1"), ada, suspended=True)
        assert hall.schedules.status("tick").next_at is None
        hall.now = START + 60.5
        await hall.until(lambda: hall.schedules.status("tick").reason)
        assert hall.found() == []
        hall.schedules.suspend("tick", False, ada)
        await hall.until(lambda: hall.found("succeeded"))

    hall(work)


def test_forbid_keeps_a_start_back_and_records_what_it_gave_up(hall, notebook, ada):
    async def work(hall):
        await hall.save(notebook(LONG), ada, concurrency="Forbid")
        hall.now = START + 60.5
        await hall.until(hall.runs.active)
        hall.now = START + 181
        (skipped,) = await hall.until(lambda: hall.found("skipped"))
        assert skipped.code == "still_running"
        assert "still going" in skipped.reason
        assert len(hall.runs.active()) == 1

    hall(work)


def test_replace_ends_the_run_before(hall, notebook, ada):
    async def work(hall):
        await hall.save(notebook(LONG), ada, concurrency="Replace")
        hall.now = START + 60.5
        (first,) = await hall.until(hall.runs.active)
        hall.now = START + 121
        (ended,) = await hall.until(lambda: hall.found("cancelled"))
        assert ended.id == first.id

    hall(work)


def test_a_notebook_that_is_gone_is_a_failed_run_that_says_so(hall, notebook, ada):
    async def work(hall):
        path = notebook("1")
        await hall.save(path, ada)
        path.unlink()
        hall.now = START + 60.5
        (failed,) = await hall.until(lambda: hall.found("failed"))
        assert failed.code == "no_such_notebook"

    hall(work)


def test_a_pinned_schedule_runs_the_notebook_as_it_was(hall, notebook, ada):
    async def work(hall):
        path = notebook("print('as it was')")
        await hall.save(path, ada, pinned=True)
        path.unlink()
        hall.now = START + 60.5
        (run,) = await hall.until(lambda: hall.found("succeeded"))
        assert hall.runs.log(run.id, "stdout").read_text() == "as it was\n"

    hall(work)


def test_starts_missed_while_nobody_was_there_are_recorded(hall, notebook, ada):
    async def before(hall):
        await hall.save(notebook("1"), ada, starting_deadline_seconds=30.0)

    async def after(hall):
        hall.now = START + 175.0
        await hall.until(lambda: len(hall.found("skipped")) == 2)
        assert {run.code for run in hall.found("skipped")} <= {"missed", "too_late"}
        assert hall.found("succeeded") == []

    hall(before)
    hall(after)


def test_no_start_happens_twice_when_the_clock_is_set_back(hall, notebook, ada):
    async def work(hall):
        await hall.save(notebook("1"), ada)
        hall.now = START + 60.5
        await hall.until(lambda: hall.found("succeeded"))
        hall.now = START + 30.0
        await hall.until(lambda: "set back" in hall.schedules.status("tick").reason)
        hall.now = START + 61.0
        await hall.until(lambda: "set back" not in hall.schedules.status("tick").reason)
        assert len(hall.found()) == 1

    hall(work)


def test_of_two_hubs_over_one_database_one_starts_the_run(home, books, notebook, ada, hall):
    async def work(hall):
        await hall.save(notebook("1"), ada)
        other = Hall(home, books)
        other.now = hall.now = START + 60.5
        await asyncio.gather(
            hall.schedules.look("tick"), other.schedules.look("tick"), return_exceptions=True
        )
        await hall.until(hall.found)
        assert len(hall.found()) == 1

    hall(work)


def test_no_more_runs_are_kept_than_asked_for(hall, notebook, ada):
    async def work(hall):
        await hall.save(notebook("1"), ada, succeeded_history=1)
        hall.now = START + 60.5
        (first,) = await hall.until(lambda: hall.found("succeeded"))
        folder = hall.runs.folder(first.id).path
        hall.now = START + 121
        await hall.until(lambda: [one for one in hall.found("succeeded") if one.id != first.id])
        assert len(hall.found("succeeded")) == 1
        assert not folder.exists()

    hall(work)
