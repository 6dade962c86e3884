from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from inference.errors import GenerationStopped, ModelLoadFailed, OutOfMemory, QueueFull
from inference.library.models import LibraryModel
from inference.server.durations import FOREVER
from inference.server.measured import MeasuredMemory
from inference.server.scheduler import Limits, Scheduler
from inference.server.setbacks import FIRST_BACKOFF_S
from inference.server.tickets import Ticket
from inference.types import Progress
from tests.inference.server.fakes import GIGABYTE, Clock, FakeStarter, make_model, settle

MakeScheduler = Callable[..., Scheduler]

ONE_SLOT = Limits(num_parallel=1)


@pytest.fixture
async def starter() -> FakeStarter:
    return FakeStarter()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def make_scheduler(starter: FakeStarter, clock: Clock) -> AsyncIterator[MakeScheduler]:
    made = []

    def make(limits: Limits | None = None, free: int = 64 * GIGABYTE) -> Scheduler:
        made.append(Scheduler(starter, limits or Limits(), available_bytes=lambda _pids: free, clock=clock))
        return made[-1]

    yield make
    for scheduler in made:
        await scheduler.aclose()


async def granted(scheduler: Scheduler, model: LibraryModel, **how: float | int | str) -> Ticket:
    ticket = scheduler.take_ticket(model, **how)  # type: ignore[arg-type]
    await ticket.runner()
    return ticket


def is_waiting(ticket: Ticket) -> bool:
    return not ticket._granted.done()


async def test_a_model_is_loaded_when_it_is_first_asked_for(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler()

    ticket = scheduler.take_ticket(make_model())
    runner = await ticket.runner()

    assert runner is starter.of("tiny")
    assert [(seat.state, seat.n_active) for seat in scheduler.seats()] == [("ready", 1)]


async def test_first_requests_at_the_same_time_share_one_load(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler()

    tickets = [scheduler.take_ticket(make_model()) for _ in range(4)]
    runners = {await ticket.runner() for ticket in tickets}

    assert starter.n_starts == 1
    assert len(runners) == 1


async def test_a_request_beyond_the_slots_waits_for_one(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    first = await granted(scheduler, make_model())

    second = scheduler.take_ticket(make_model())
    assert is_waiting(second)
    first.close()

    await second.runner()


async def test_waiting_requests_are_served_in_their_order(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    first = await granted(scheduler, make_model())
    second, third = scheduler.take_ticket(make_model()), scheduler.take_ticket(make_model())

    first.close()

    assert not is_waiting(second)
    assert is_waiting(third)


async def test_a_full_queue_is_an_answer(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(Limits(num_parallel=1, max_queue=2))
    await granted(scheduler, make_model())
    scheduler.take_ticket(make_model())
    scheduler.take_ticket(make_model())

    with pytest.raises(QueueFull):
        scheduler.take_ticket(make_model())

    assert scheduler.n_waiting() == 2


async def test_a_queue_of_none_still_lets_the_slots_be_used_while_the_model_loads(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(Limits(num_parallel=2, max_queue=0))
    starter.gate.clear()

    scheduler.take_ticket(make_model())
    scheduler.take_ticket(make_model())

    with pytest.raises(QueueFull):
        scheduler.take_ticket(make_model())


async def test_who_leaves_the_queue_makes_room(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(Limits(num_parallel=1, max_queue=1))
    await granted(scheduler, make_model())
    scheduler.take_ticket(make_model()).close()

    scheduler.take_ticket(make_model())

    assert scheduler.n_waiting() == 1


async def test_closing_twice_gives_one_slot_back(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    first, second = await granted(scheduler, make_model()), await granted(scheduler, make_model())

    first.close()
    first.close()

    assert scheduler.seats()[0].n_active == 1
    second.close()


async def test_a_cancelled_wait_leaves_no_slot_behind(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler()
    starter.gate.clear()
    ticket = scheduler.take_ticket(make_model())
    waiting = asyncio.create_task(ticket.runner())
    await settle()

    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    ticket.close()
    starter.gate.set()
    await settle()

    assert [(seat.state, seat.n_active) for seat in scheduler.seats()] == [("ready", 0)]


# ---- how long models stay


async def test_an_idle_model_is_unloaded_when_its_time_is_over(
    make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock
) -> None:
    scheduler = make_scheduler(Limits(keep_alive_s=300))
    (await granted(scheduler, make_model())).close()

    clock.seconds += 299
    scheduler.expire_idle()
    await settle()
    assert starter.living == ["tiny:latest"]
    clock.seconds += 1
    scheduler.expire_idle()
    await settle()

    assert starter.living == []
    assert starter.of("tiny").is_stopped
    assert scheduler.seats() == []


async def test_a_busy_model_never_expires(make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock) -> None:
    scheduler = make_scheduler(Limits(keep_alive_s=1))
    ticket = await granted(scheduler, make_model())

    clock.seconds += 1000
    scheduler.expire_idle()
    await settle()

    assert starter.living == ["tiny:latest"]
    ticket.close()


async def test_the_last_request_says_how_long_the_model_stays(
    make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock
) -> None:
    scheduler = make_scheduler(Limits(keep_alive_s=1))
    (await granted(scheduler, make_model(), keep_alive_s=FOREVER)).close()

    clock.seconds += 10**9
    scheduler.expire_idle()
    await settle()

    assert starter.living == ["tiny:latest"]
    assert scheduler.seconds_left(scheduler.seats()[0]) is None


async def test_keep_alive_zero_unloads_after_the_answer(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler()
    ticket = await granted(scheduler, make_model(), keep_alive_s=0)
    await settle()
    assert starter.living == ["tiny:latest"]

    ticket.close()
    await settle()

    assert starter.living == []


async def test_keep_alive_zero_waits_for_the_queue(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    first = await granted(scheduler, make_model(), keep_alive_s=0)
    second = scheduler.take_ticket(make_model())

    first.close()

    await second.runner()
    assert starter.n_starts == 1


async def test_the_seconds_left_count_down(make_scheduler: MakeScheduler, clock: Clock) -> None:
    scheduler = make_scheduler(Limits(keep_alive_s=300))
    (await granted(scheduler, make_model())).close()

    clock.seconds += 100

    assert scheduler.seconds_left(scheduler.seats()[0]) == 200


async def test_unloading_waits_for_the_end_of_the_process(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler()
    (await granted(scheduler, make_model())).close()
    starter.of("tiny").stop_gate.clear()

    unloading = asyncio.create_task(scheduler.unload(make_model()))
    await settle()
    assert not unloading.done()
    starter.of("tiny").stop_gate.set()
    await unloading

    assert scheduler.seats() == []


async def test_unloading_a_busy_model_lets_the_answer_end(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler()
    ticket = await granted(scheduler, make_model())

    await scheduler.unload(make_model())
    assert starter.living == ["tiny:latest"]
    ticket.close()
    await settle()

    assert starter.living == []


async def test_unloading_what_is_not_loaded_does_nothing(make_scheduler: MakeScheduler) -> None:
    await make_scheduler().unload(make_model())


async def test_the_watch_ends_models_without_being_asked(starter: FakeStarter) -> None:
    scheduler = Scheduler(starter, Limits(keep_alive_s=0.02), available_bytes=lambda _pids: 64 * GIGABYTE)
    (await granted(scheduler, make_model())).close()
    watching = asyncio.create_task(scheduler.watch())

    async with asyncio.timeout(5):
        while starter.living:
            await asyncio.sleep(0.005)

    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


# ---- how many models fit


async def test_the_idle_model_used_longest_ago_makes_room(
    make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock
) -> None:
    scheduler = make_scheduler(Limits(max_loaded=2))
    for name in ("a", "b", "a"):
        clock.seconds += 1
        (await granted(scheduler, make_model(name))).close()

    await granted(scheduler, make_model("c"))

    assert starter.living == ["a:latest", "c:latest"]


async def test_with_all_models_busy_a_new_one_waits_its_turn(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(Limits(max_loaded=1))
    busy = await granted(scheduler, make_model("a"))
    other = scheduler.take_ticket(make_model("b"))
    await settle()
    assert is_waiting(other)

    busy.close()
    await other.runner()

    assert starter.living == ["b:latest"]


async def test_a_stream_of_requests_for_one_model_cannot_starve_another(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(Limits(max_loaded=1, num_parallel=4))
    busy = await granted(scheduler, make_model("a"))
    other = scheduler.take_ticket(make_model("b"))

    later = scheduler.take_ticket(make_model("a"))
    assert is_waiting(later)
    busy.close()
    await other.runner()
    other.close()
    await later.runner()

    assert starter.living == ["a:latest"]


async def test_a_model_that_cannot_fit_is_refused_with_the_numbers(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(free=GIGABYTE // 2)

    ticket = scheduler.take_ticket(make_model(size_bytes=7 * GIGABYTE))
    with pytest.raises(ModelLoadFailed) as error:
        await ticket.runner()

    assert "more system memory" in error.value.detail
    assert "500 MB" in error.value.detail


async def test_an_idle_model_makes_room_when_memory_is_short(starter: FakeStarter, clock: Clock) -> None:
    scheduler = Scheduler(
        starter,
        Limits(),
        available_bytes=lambda _pids: (5 - 2 * len(starter.living)) * GIGABYTE,
        clock=clock,
    )
    (await granted(scheduler, make_model("a"))).close()

    await granted(scheduler, make_model("b", size_bytes=4 * GIGABYTE))

    assert starter.living == ["b:latest"]


async def test_a_larger_context_window_starts_the_model_anew_once_it_is_idle(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler()
    small = await granted(scheduler, make_model(), n_ctx=2048)
    large = scheduler.take_ticket(make_model(), n_ctx=4096)
    assert is_waiting(large)

    small.close()
    await large.runner()

    assert [runner.spec.n_ctx for runner in starter.runners] == [2048, 4096]
    assert len(starter.living) == 1


async def test_a_smaller_context_window_is_served_by_what_is_loaded(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler()
    await granted(scheduler, make_model(), n_ctx=4096)

    await granted(scheduler, make_model(), n_ctx=1024)
    await granted(scheduler, make_model())

    assert starter.n_starts == 1


async def test_no_window_is_larger_than_the_model_knows(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler()

    await granted(scheduler, make_model(context_length=2048), n_ctx=100_000)
    await granted(scheduler, make_model(context_length=2048), n_ctx=200_000)

    assert [runner.spec.n_ctx for runner in starter.runners] == [2048]


async def test_a_changed_file_is_loaded_anew(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler()
    (await granted(scheduler, make_model())).close()

    await granted(scheduler, make_model(digest="e" * 64))

    assert starter.n_starts == 2


# ---- when things go wrong


async def test_everybody_who_waits_for_a_failed_load_is_told(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler()
    starter.errors = [ModelLoadFailed("tiny", "no such architecture")]

    tickets = [scheduler.take_ticket(make_model()) for _ in range(2)]

    for ticket in tickets:
        with pytest.raises(ModelLoadFailed, match="no such architecture"):
            await ticket.runner()
    assert scheduler.n_waiting() == 0


async def test_a_load_that_fails_by_a_mistake_keeps_nobody_waiting(
    make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock
) -> None:
    scheduler = make_scheduler()
    starter.errors = [AssertionError("a mistake")]

    with pytest.raises(ModelLoadFailed, match="internal error"):
        await granted(scheduler, make_model())

    clock.seconds += FIRST_BACKOFF_S
    assert await granted(scheduler, make_model())
    assert scheduler.n_waiting() == 0


async def test_a_failed_load_is_not_tried_again_at_once_but_later(
    make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock
) -> None:
    scheduler = make_scheduler()
    starter.errors = [ModelLoadFailed("tiny", "broken")]
    for _ in range(3):
        with pytest.raises(ModelLoadFailed):
            await scheduler.take_ticket(make_model()).runner()
    assert starter.n_starts == 1

    clock.seconds += FIRST_BACKOFF_S
    await granted(scheduler, make_model())

    assert starter.n_starts == 2


async def test_a_crash_tells_what_the_model_was_to_take(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    starter.errors = [OutOfMemory("tiny", "its process ended by signal SIGABRT, as when memory runs out")]

    with pytest.raises(ModelLoadFailed) as raised:
        await scheduler.take_ticket(make_model(), n_ctx=8192).runner()

    assert re.fullmatch(
        r"its process ended by signal SIGABRT, as when memory runs out; [\d.]+ GB were expected: [\d.]+ GB for the "
        r"weights, [\d.]+ .B for a context window of 8192 tokens in 1 slot, \d+ MB to work with. "
        r"A smaller context window takes less",
        raised.value.detail,
    )


async def test_after_a_failed_load_one_that_takes_less_is_tried_at_once(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    starter.errors = [OutOfMemory("tiny", "its process ended by signal SIGKILL")]
    starter.gate.clear()
    large, small, again = (scheduler.take_ticket(make_model(), n_ctx=n_ctx) for n_ctx in (16384, 4096, 16384))
    starter.gate.set()

    for ticket in (large, again):
        with pytest.raises(ModelLoadFailed):
            await ticket.runner()
    await small.runner()

    assert starter.of("tiny").spec.n_ctx == 4096
    assert starter.n_starts == 2


async def test_repeated_failures_wait_longer(make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock) -> None:
    scheduler = make_scheduler()
    starter.errors = [ModelLoadFailed("tiny", "broken")] * 10
    waits = []
    for _ in range(8):
        began = clock.seconds
        n_starts = starter.n_starts
        while starter.n_starts == n_starts:
            with pytest.raises(ModelLoadFailed):
                await scheduler.take_ticket(make_model()).runner()
            clock.seconds += 0.5
        waits.append(clock.seconds - began)

    assert waits[1] < waits[2] < waits[3]
    assert max(waits) <= 31


async def test_another_file_under_the_name_is_tried_at_once(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler()
    starter.errors = [ModelLoadFailed("tiny", "broken")]
    with pytest.raises(ModelLoadFailed):
        await scheduler.take_ticket(make_model()).runner()

    await granted(scheduler, make_model(digest="e" * 64))

    assert starter.n_starts == 2


async def test_a_dead_runner_is_replaced_for_the_next_request(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler()
    ticket = await granted(scheduler, make_model())
    starter.of("tiny").is_alive = False

    ticket.close()
    await granted(scheduler, make_model())

    assert starter.n_starts == 2
    assert len(scheduler.seats()) == 1


async def test_closing_ends_every_runner_and_refuses_the_rest(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(Limits(num_parallel=1, max_loaded=3))
    await granted(scheduler, make_model("a"))
    waiting = scheduler.take_ticket(make_model("a"))
    starter.gate.clear()
    loading = scheduler.take_ticket(make_model("b"))
    await settle()

    await scheduler.aclose()

    assert starter.living == []
    assert starter.n_cancelled == 1
    for ticket in (waiting, loading):
        with pytest.raises(GenerationStopped):
            await ticket.runner()
    with pytest.raises(GenerationStopped):
        scheduler.take_ticket(make_model("a"))


# ---- what is told while waiting


async def test_a_loading_model_is_told(make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock) -> None:
    scheduler = make_scheduler()
    starter.gate.clear()
    ticket = scheduler.take_ticket(make_model())
    clock.seconds += 2

    assert await anext(ticket.progress(every_s=0.001)) == Progress(state="loading", waited_s=2)


async def test_the_place_in_the_queue_is_told(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    await granted(scheduler, make_model())
    scheduler.take_ticket(make_model())
    ticket = scheduler.take_ticket(make_model())

    assert await anext(ticket.progress(every_s=0.001)) == Progress(state="queued", queue_position=1, waited_s=0)


async def test_the_time_until_its_turn_is_told(make_scheduler: MakeScheduler, clock: Clock) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    first = await granted(scheduler, make_model())
    clock.seconds += 20
    first.answered()
    first.close()
    await granted(scheduler, make_model())
    tickets = [scheduler.take_ticket(make_model()) for _ in range(3)]
    clock.seconds += 5

    told = [await anext(ticket.progress(every_s=0.001)) for ticket in tickets]

    assert [progress.expected_s for progress in told] == [15, 35, 55]


async def test_the_time_a_load_took_is_told_the_next_time(
    make_scheduler: MakeScheduler, starter: FakeStarter, clock: Clock
) -> None:
    scheduler = make_scheduler()
    starter.gate.clear()
    loading = scheduler.take_ticket(make_model())
    await settle()
    clock.seconds += 30
    starter.gate.set()
    (await loading.runner()) and loading.close()
    await scheduler.unload(make_model())
    starter.gate.clear()

    ticket = scheduler.take_ticket(make_model())
    clock.seconds += 10

    assert (await anext(ticket.progress(every_s=0.001))).expected_s == 20


async def test_what_a_runner_takes_is_written_down_beside_its_forecast(starter: FakeStarter, clock: Clock) -> None:
    measured = MeasuredMemory(None)
    scheduler = Scheduler(starter, Limits(), available_bytes=lambda _: 64 * GIGABYTE, clock=clock, measured=measured)

    (await granted(scheduler, make_model())).close()

    (found,) = measured.of(make_model().digest)
    assert found["measured_bytes"] == starter.of("tiny").rss_bytes
    assert found["forecast_bytes"] == scheduler.seats()[0].needs_bytes
    await scheduler.aclose()


# ---- whose turn it is


async def test_fifty_requests_of_one_person_delay_another_by_one_answer(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    busy = await granted(scheduler, make_model(), asked_by="a")
    for _ in range(50):
        scheduler.take_ticket(make_model(), asked_by="a")

    other = scheduler.take_ticket(make_model(), asked_by="b")
    assert (await anext(other.progress(every_s=0.001))).queue_position == 0
    busy.close()

    assert not is_waiting(other)


async def test_a_person_gets_the_slot_of_idle_work_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    title = await granted(scheduler, make_model(), priority="idle")

    person = scheduler.take_ticket(make_model())
    second = scheduler.take_ticket(make_model())

    assert not is_waiting(person)
    assert is_waiting(second)
    title.close()
    assert is_waiting(second)


async def test_idle_work_gets_only_what_people_leave(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(ONE_SLOT)
    busy = await granted(scheduler, make_model())
    title = scheduler.take_ticket(make_model(), priority="idle")
    person = scheduler.take_ticket(make_model())

    busy.close()
    assert (is_waiting(person), is_waiting(title)) == (False, True)
    person.close()
    assert not is_waiting(title)


async def test_nothing_is_told_when_the_slot_is_there(make_scheduler: MakeScheduler) -> None:
    ticket = await granted(make_scheduler(), make_model())

    assert [progress async for progress in ticket.progress(every_s=0.001)] == []


# ---- how much a model is given


@pytest.mark.parametrize(
    ("free", "size"),
    [(64 * GIGABYTE, (8192, 4)), (3 * GIGABYTE, (8192, 2)), (2 * GIGABYTE, (4096, 1))],
)
async def test_window_and_slots_are_chosen_by_free_memory(
    make_scheduler: MakeScheduler, starter: FakeStarter, free: int, size: tuple[int, int]
) -> None:
    await granted(make_scheduler(free=free), make_model())

    spec = starter.of("tiny").spec
    assert (spec.n_ctx, spec.n_slots) == size


async def test_a_long_request_starts_the_model_anew_with_a_larger_window(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(free=4 * GIGABYTE)
    model = make_model(context_length=131_072)
    (await granted(scheduler, model)).close()
    n_ctx = starter.of("tiny").spec.n_ctx

    await granted(scheduler, model, wished_ctx=n_ctx + 1)

    assert starter.of("tiny").spec.n_ctx == 2 * n_ctx
    assert len(starter.living) == 1


async def test_a_wish_that_does_not_fit_takes_the_largest_window_once(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(free=2 * GIGABYTE)
    model = make_model(context_length=131_072)
    (await granted(scheduler, model)).close()

    (await granted(scheduler, model, wished_ctx=100_000)).close()
    (await granted(scheduler, model, wished_ctx=100_000)).close()

    assert starter.n_starts == 2


async def test_a_wish_changes_no_fixed_window(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    await granted(make_scheduler(Limits(context_length=2048)), make_model(), wished_ctx=8000)

    assert starter.of("tiny").spec.n_ctx == 2048


async def test_the_number_of_slots_can_be_fixed(make_scheduler: MakeScheduler, starter: FakeStarter) -> None:
    await granted(make_scheduler(Limits(num_parallel=7)), make_model())

    assert starter.of("tiny").spec.n_slots == 7


async def test_an_embedding_model_gets_its_own_kind_of_runner(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    await granted(make_scheduler(), make_model(capabilities=frozenset({"embedding"}), context_length=512))

    spec = starter.of("tiny").spec
    assert (spec.embedding, spec.n_ctx) == (True, 512)


async def test_the_embedded_embedder_takes_no_model_s_place(
    make_scheduler: MakeScheduler, starter: FakeStarter
) -> None:
    scheduler = make_scheduler(Limits(max_loaded=1))
    (await granted(scheduler, make_model("chat"))).close()

    embedder = replace(make_model("all-minilm", capabilities=frozenset({"embedding"})), kind="onnx")
    await granted(scheduler, embedder)

    assert starter.living == ["chat:latest", "all-minilm:latest"]
