"""The stream by itself: its first line, its beats, and an end for those who take nothing."""

import asyncio
import json

import pytest

from mlops_jupyter.hub import event_routes
from mlops_jupyter.hub.event_routes import EventRoutes
from mlops_jupyter.hub.notices import Notices


@pytest.fixture
def notices():
    return Notices()


def opened(notices, look=lambda: None):
    routes = EventRoutes(notices, look, lambda: {"event": "hello"})
    (route,) = routes.routes()

    async def lines():
        return (await route.handle(None)).body

    return routes, lines


def said(chunk):
    return [json.loads(line) for line in chunk.splitlines()]


def test_what_was_before_is_looked_at_before_the_first_listens(notices, run):
    looks = []

    async def script():
        _, lines = opened(notices, lambda: looks.append(notices.heard))
        first, second = await lines(), await lines()
        assert said(await anext(first)) == said(await anext(second)) == [{"event": "hello"}]
        assert looks == [False]
        await first.aclose()
        await second.aclose()
        assert not notices.heard

    run(script())


def test_a_change_between_two_lines_is_in_the_next_one(notices, run):
    async def script():
        _, lines = opened(notices)
        stream = await lines()
        await anext(stream)
        notices.records(3)
        notices.version("churn")
        assert said(await anext(stream)) == [
            {"event": "records", "size": 3},
            {"event": "version", "model": "churn"},
        ]
        waiting = asyncio.ensure_future(anext(stream))
        notices.version("fraud")
        assert said(await waiting) == [{"event": "version", "model": "fraud"}]
        await stream.aclose()

    run(script())


def test_silence_is_broken_by_an_empty_line(notices, run, monkeypatch):
    monkeypatch.setattr(event_routes, "BEAT_SECONDS", 0.01)

    async def script():
        _, lines = opened(notices)
        stream = await lines()
        await anext(stream)
        assert await anext(stream) == b"{}\n"
        assert await anext(stream) == b"{}\n"
        await stream.aclose()

    run(script())


def test_closing_ends_who_waits_and_cuts_who_does_not_read(notices, run):
    async def script():
        routes, lines = opened(notices)
        begun = asyncio.Event()

        async def read():
            async for _ in await lines():
                begun.set()

        async def never_read():
            async for _ in await lines():
                await asyncio.Event().wait()

        reader, mute = asyncio.ensure_future(read()), asyncio.ensure_future(never_read())
        await begun.wait()
        routes.close()
        await asyncio.wait_for(reader, 5)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(mute, 5)

    run(script())
