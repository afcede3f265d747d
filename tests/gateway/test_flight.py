"""One run that several wait for: batch by batch or whole, held back, left, and ended."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from _llamagate.errors import EngineBroke, Internal
from _llamagate.exchange import Call, Event, Events, Finish, Text
from _llamagate.gateway.flight import Flight

ME = Call("req_1")
END = Finish("stop")


class Run:
    """Batches as they are let go, and whether the run was ended."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.made = 0
        self.closed = False
        self.go = asyncio.Semaphore(0)
        self._count = count
        self._error = error

    async def events(self) -> Events:
        try:
            for number in range(self._count):
                await self.go.acquire()
                self.made += 1
                yield [Text(str(number))]
            if self._error:
                raise self._error
            yield [END]
        finally:
            self.closed = True

    def release(self, count: int) -> None:
        for _ in range(count):
            self.go.release()


def take_off(run: Run) -> tuple[Flight, list[Flight]]:
    flight, landed = Flight(ME), []
    flight.start(run.events(), landed.append)
    return flight, landed


async def texts(events: AsyncIterator[list[Event]]) -> list[str]:
    return written([batch async for batch in events])


def written(batches: list[list[Event]]) -> list[str]:
    return [event.text for batch in batches for event in batch if isinstance(event, Text)]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_all_who_follow_hear_everything_whenever_they_come() -> None:
    run = Run(3)
    flight, landed = take_off(run)
    first = asyncio.ensure_future(texts(flight.follow(ME)))
    run.release(2)
    await settled()
    second = asyncio.ensure_future(texts(flight.follow(Call("req_2"))))
    third = asyncio.ensure_future(texts(flight.whole(Call("req_3"))))
    await settled()
    assert not first.done()
    run.release(1)
    assert await asyncio.gather(first, second, third) == [["0", "1", "2"]] * 3
    assert landed == [flight]
    assert flight.error is None


async def test_an_error_reaches_all_after_what_came_before_it() -> None:
    run = Run(1, EngineBroke("It broke."))
    flight, _ = take_off(run)
    run.release(1)
    heard: list[str] = []

    async def listen(events: Events) -> None:
        async for batch in events:
            heard.extend(event.text for event in batch if isinstance(event, Text))

    for events in (flight.follow(ME), flight.whole(Call("req_2"))):
        with pytest.raises(EngineBroke):
            await listen(events)
    assert heard == ["0", "0"]


async def test_a_fault_of_ours_is_an_internal_error_for_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = Run(0, ZeroDivisionError())
    flight, landed = take_off(run)
    with pytest.raises(Internal):
        await texts(flight.whole(ME))
    assert landed[0].error is not None


async def test_those_who_leave_do_not_disturb_the_others() -> None:
    run = Run(2)
    flight, _ = take_off(run)
    stays = asyncio.ensure_future(texts(flight.follow(ME)))
    leaves = [asyncio.ensure_future(texts(flight.whole(Call(f"{n}")))) for n in range(3)]
    run.release(1)
    await settled()
    for one in leaves:
        one.cancel()
    await settled()
    run.release(1)
    assert await stays == ["0", "1"]


async def test_the_last_one_to_leave_ends_it() -> None:
    run = Run(5)
    flight, landed = take_off(run)
    readers = [
        asyncio.ensure_future(texts(flight.follow(ME))),
        asyncio.ensure_future(texts(flight.whole(ME))),
    ]
    run.release(1)
    await settled()
    for reader in readers:
        assert not flight.abandoned
        reader.cancel()
        await settled()
    assert flight.abandoned
    assert run.closed
    assert landed[0].error is not None  # nothing to keep


async def test_it_stays_a_few_batches_ahead_of_who_streams() -> None:
    run = Run(500)
    flight, _ = take_off(run)
    run.release(500)
    events = flight.follow(ME)
    await anext(events)
    await settled()
    ahead = run.made
    assert ahead < 100
    for _ in range(50):
        await anext(events)
    await asyncio.sleep(0.01)
    assert ahead < run.made < ahead + 60
    await events.aclose()


async def test_it_waits_for_nobody_once_somebody_wants_it_whole() -> None:
    run = Run(500)
    flight, _ = take_off(run)
    run.release(500)
    slow = flight.follow(ME)
    await anext(slow)
    assert len(await texts(flight.whole(Call("req_2")))) == 500
    await slow.aclose()


async def test_who_joined_learns_what_came_of_it() -> None:
    run = Run(0)
    mine = Call("req_1")
    flight = Flight(mine)
    flight.start(run.events(), lambda landed: None)
    mine.engine, mine.ignored, mine.context_full = "gpu-1", ("foo",), True
    yours = Call("req_2")
    await texts(flight.whole(yours))
    assert (yours.engine, yours.ignored, yours.context_full) == ("gpu-1", ("foo",), True)


def lead(run: Run) -> tuple[Flight, "asyncio.Task[list[str]]"]:
    """A plain request that runs it in its own task."""
    call = Call("req_1")
    flight = Flight(call)

    async def leads() -> list[str]:
        return written(await flight.lead(run.events(), lambda _: None))

    task = asyncio.ensure_future(leads())
    call.task = task
    return flight, task


async def test_who_runs_it_goes_on_without_its_client_while_another_waits() -> None:
    run = Run(2)
    flight, leads = lead(run)
    await settled()
    other = asyncio.ensure_future(texts(flight.whole(Call("req_2"))))
    await settled()
    flight.call.client_left()
    run.release(2)
    assert await other == ["0", "1"]
    assert await leads == ["0", "1"]


async def test_who_runs_it_stops_when_the_last_of_the_others_has_left_too() -> None:
    run = Run(2)
    flight, leads = lead(run)
    await settled()
    others = [asyncio.ensure_future(texts(flight.follow(Call(f"{n}")))) for n in range(2)]
    await settled()
    flight.call.client_left()
    for other in others:
        await settled()
        assert not (flight.abandoned or run.closed)
        other.cancel()
    await settled()
    assert flight.abandoned
    assert leads.cancelled()
    assert run.closed


async def test_who_runs_it_alone_stops_with_its_client() -> None:
    run = Run(2)
    flight, leads = lead(run)
    await settled()
    flight.call.client_left()
    assert flight.abandoned
    await settled()
    assert leads.cancelled()
    assert run.closed


async def test_a_slow_reader_does_not_hold_back_who_runs_it() -> None:
    run = Run(500)
    flight, leads = lead(run)
    await settled()
    slow = flight.follow(Call("req_2"))
    run.release(500)
    await anext(slow)
    assert len(await leads) == 500
    await slow.aclose()
