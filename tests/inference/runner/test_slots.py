from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.runner.parked import ParkedPrefixes
from inference.runner.slots import Slot, Slots, Span, Tokens


class RecordingCache:
    """Remembers what each sequence holds, by the calls that a native cache would get."""

    def __init__(self, *, can_cut: bool = True, can_shift: bool = True) -> None:
        self.can_cut = can_cut
        self.can_shift = can_shift
        self.shifts: list[tuple[int, int, int]] = []
        self.cuts: list[tuple[int, int]] = []
        self.forgotten: list[int] = []
        self.restored: list[tuple[int, bytes]] = []
        self.can_restore = True

    def cut(self, sequence: int, length: int) -> bool:
        self.cuts.append((sequence, length))
        return self.can_cut

    def forget(self, sequence: int) -> None:
        self.forgotten.append(sequence)

    def state_bytes(self, sequence: int) -> int:
        return 4

    def state(self, sequence: int) -> memoryview:
        return memoryview(b"%04d" % sequence)

    def restore(self, sequence: int, state: memoryview | bytes) -> bool:
        self.restored.append((sequence, bytes(state)))
        return self.can_restore

    def shift(self, sequence: int, start: int, count: int) -> None:
        self.shifts.append((sequence, start, count))


def prompt(text: str) -> Tokens:
    return np.frombuffer(text.encode(), np.uint8).astype(np.int32)


@pytest.fixture
def cache() -> RecordingCache:
    return RecordingCache()


@pytest.fixture
def slots(cache: RecordingCache) -> Slots:
    return Slots(cache, n_slots=3, n_ctx=64)


def used(slots: Slots, text: str) -> Slot:
    """Take a slot and let it decode the whole prompt."""
    slot = slots.take(prompt(text))
    slot.n_cached = slot.n_tokens
    return slot


def test_a_next_turn_finds_its_history(slots: Slots) -> None:
    first = used(slots, "system: hello")
    slots.give_back(first)

    second = slots.take(prompt("system: hello again"))

    assert second is first
    assert second.n_cached == len("system: hello")


def test_one_token_at_least_is_left_to_decode(slots: Slots) -> None:
    slots.give_back(used(slots, "same prompt"))

    assert slots.take(prompt("same prompt")).n_cached == len("same prompt") - 1


SYSTEM = "system: be kind and brief. "


def test_a_busy_slot_shares_its_beginning(slots: Slots, cache: RecordingCache) -> None:
    busy = used(slots, SYSTEM + "one")

    other = slots.take(prompt(SYSTEM + "two"))

    assert other is not busy
    assert cache.restored == [(other.index, b"%04d" % busy.index)]
    assert cache.cuts[-1] == (other.index, len(SYSTEM))
    assert other.n_cached == len(SYSTEM)


def test_what_cannot_be_copied_is_decoded(slots: Slots, cache: RecordingCache) -> None:
    used(slots, SYSTEM + "one")
    cache.can_restore = False

    assert slots.take(prompt(SYSTEM + "two")).n_cached == 0


def test_a_few_tokens_are_not_worth_a_copy(slots: Slots, cache: RecordingCache) -> None:
    used(slots, "system: one")

    assert slots.take(prompt("system: two")).n_cached == 0
    assert not cache.restored


def test_a_short_common_beginning_costs_nobody_the_history(slots: Slots) -> None:
    long_chat = SYSTEM + "and then a chat of very many turns"
    history = used(slots, long_chat)
    slots.give_back(history)

    other = slots.take(prompt(SYSTEM + "A second"))

    assert other is not history
    assert other.n_cached == len(SYSTEM)
    assert history.n_cached == len(long_chat)


# ---- neighbours


def sequences(*slots: Slot) -> list[int]:
    return sorted(slot.index for slot in slots)


def test_slots_that_work_at_the_same_time_become_neighbours(slots: Slots, cache: RecordingCache) -> None:
    first, second, third = used(slots, "aaaa"), used(slots, "bbbbbb"), used(slots, "cc")
    slots.give_back(second)

    slots.gather([first, third])

    assert sequences(first, third) in ([0, 1], [1, 2])
    assert sequences(*slots.all) == [0, 1, 2]
    assert cache.restored == [(third.index, b"0002"), (second.index, b"0001")]
    assert [slot.n_cached for slot in (first, second, third)] == [4, 6, 2]


def test_neighbours_stay_where_they_are(slots: Slots, cache: RecordingCache) -> None:
    first, second, _ = used(slots, "aaaa"), used(slots, "bbbb"), used(slots, "cccc")

    slots.gather([second, first])
    slots.gather([])

    assert not cache.restored


def test_what_is_lost_on_the_way_is_decoded_again(slots: Slots, cache: RecordingCache) -> None:
    first, _, third = used(slots, "aaaa"), used(slots, "bbbbbb"), used(slots, "cc")
    cache.can_restore = False

    slots.gather([first, third])

    assert third.n_cached == 0
    assert third.n_tokens == 2


def test_half_an_image_is_not_moved(slots: Slots, cache: RecordingCache) -> None:
    first, _, third = used(slots, "aaaa"), used(slots, "bbbb"), used(slots, "cccc")
    third.n_seen = 3

    slots.gather([first, third])

    assert not cache.restored


def test_an_unused_slot_is_taken_before_an_old_one(slots: Slots) -> None:
    slots.give_back(used(slots, "aaaa"))

    assert slots.take(prompt("bbbb")).n_cached == 0
    assert [slot.n_cached for slot in slots.all] == [4, 0, 0]


def test_the_longest_idle_slot_gives_way(slots: Slots) -> None:
    taken = [used(slots, text) for text in ("aaaa", "bbbb", "cccc")]
    for slot in (taken[1], taken[0], taken[2]):
        slots.give_back(slot)

    assert slots.take(prompt("dddd")) is taken[1]


def test_a_past_that_cannot_be_cut_is_forgotten() -> None:
    cache = RecordingCache(can_cut=False)
    slots = Slots(cache, n_slots=1, n_ctx=64, can_share=False)
    slots.give_back(used(slots, "system: hello"))

    slot = slots.take(prompt("system: other"))

    assert slot.n_cached == 0
    assert cache.forgotten[-1] == slot.index


def test_idle_caches_can_be_emptied(slots: Slots) -> None:
    slots.give_back(used(slots, "aaaa"))
    busy = used(slots, "bbbb")

    assert slots.forget_idle()
    assert not slots.forget_idle()
    assert busy.n_cached == 4


def test_a_shift_forgets_the_middle_and_moves_the_rest_up(cache: RecordingCache, slots: Slots) -> None:
    slot = slots.take(prompt("0123456789"))
    slot.n_cached = 10

    slots.shift(slot, 2, 4)

    assert (bytes(slot.tokens[: slot.n_tokens].astype(np.uint8)), slot.n_cached) == (b"016789", 6)
    assert cache.shifts == [(slot.index, 2, 4)]


def test_what_was_shifted_serves_no_other_prompt(cache: RecordingCache, slots: Slots) -> None:
    slot = slots.take(prompt("0123456789"))
    slot.n_cached = 10
    slots.shift(slot, 2, 4)
    slots.give_back(slot)

    assert slot.common_prefix(prompt("016789")) == 2
    again = slots.take(prompt("016789"))

    assert again.n_cached <= 2


def test_keys_that_cannot_be_moved_are_decoded_again() -> None:
    slots = Slots(RecordingCache(can_shift=False), n_slots=1, n_ctx=64)
    slot = slots.take(prompt("0123456789"))
    slot.n_cached = 10

    slots.shift(slot, 2, 4)

    assert (slot.n_cached, slot.n_tokens) == (2, 6)


IMAGE = Span(start=4, n_rows=6, n_positions=2)


def test_rows_after_an_image_lie_closer_than_there_are_rows(slots: Slots) -> None:
    slot = slots.take(prompt("ask:IMAGE!what"), [IMAGE])

    assert [slot.position(index) for index in (0, 4, 10, 13)] == [0, 4, 6, 9]


def test_the_rows_of_an_image_are_no_text(slots: Slots) -> None:
    slot = slots.take(prompt("ask:IMAGE!what"), [IMAGE])

    counts = []
    for n_cached in (0, 3, 4, 10, 12):
        slot.n_cached = n_cached
        counts.append(slot.n_text_rows)

    assert counts == [4, 1, 0, 4, 2]


def test_of_an_image_all_rows_are_reused_or_none(slots: Slots, cache: RecordingCache) -> None:
    image = Span(start=12, n_rows=6, n_positions=2)
    slot = slots.take(prompt("ask somebodyIMAGE!what"), [image])
    slot.n_cached = 22
    slots.give_back(slot)
    cache.cuts.clear()

    half = slots.take(prompt("ask somebodyIMAgE!what"), [image])
    assert (half, half.n_cached) == (slot, 12)
    half.n_cached = 22
    slots.give_back(half)
    whole = slots.take(prompt("ask somebodyIMAgE!why?"), [image])

    assert (whole, whole.n_cached) == (slot, 20)
    assert cache.cuts == [(slot.index, 12), (slot.index, 16)]


def test_an_interrupted_image_begins_anew(slots: Slots, cache: RecordingCache) -> None:
    slot = slots.take(prompt("ask:IMAGE!what"), [IMAGE])
    slot.n_cached, slot.n_seen = 4, 3

    slots.roll_back(slot)

    assert (slot.n_cached, slot.n_seen) == (4, 0)
    assert cache.cuts[-1] == (slot.index, 4)


# ---- what is kept on disk

LONG = "a long history that many tokens went into. " * 6


@pytest.fixture
def parked(tmp_path: Path) -> ParkedPrefixes:
    return ParkedPrefixes(tmp_path / "model", budget_bytes=100_000)


@pytest.fixture
def one_slot(cache: RecordingCache, parked: ParkedPrefixes) -> Slots:
    return Slots(cache, n_slots=1, n_ctx=1024, parked=parked)


def test_a_chat_that_made_room_comes_back_from_disk(one_slot: Slots, cache: RecordingCache) -> None:
    one_slot.give_back(used(one_slot, LONG))
    one_slot.give_back(used(one_slot, "another chat altogether"))

    slot = one_slot.take(prompt(LONG + " And then?"))

    assert slot.n_cached == len(LONG)
    assert cache.restored == [(0, b"0000")]


def test_what_does_not_come_back_is_decoded_again(one_slot: Slots, cache: RecordingCache) -> None:
    one_slot.give_back(used(one_slot, LONG))
    one_slot.give_back(used(one_slot, "another chat altogether"))
    cache.can_restore = False

    assert one_slot.take(prompt(LONG + " And then?")).n_cached == 0


def test_a_state_of_which_no_part_can_be_used_is_used_whole_or_not(
    cache: RecordingCache, parked: ParkedPrefixes
) -> None:
    slots = Slots(cache, n_slots=1, n_ctx=1024, can_share=False, parked=parked)
    parked.write(prompt(LONG), b"state")

    assert slots.take(prompt(LONG[:-20] + "but not quite the same")).n_cached == 0
    slots.give_back(slots.all[0])
    assert slots.take(prompt(LONG + " And then?")).n_cached == len(LONG)


def test_short_prompts_and_what_others_hold_are_not_kept(
    cache: RecordingCache, parked: ParkedPrefixes, tmp_path: Path
) -> None:
    slots = Slots(cache, n_slots=2, n_ctx=1024, parked=parked)
    slots.give_back(used(slots, "short"))
    first, second = used(slots, LONG), used(slots, LONG + "and more")
    slots.give_back(first)
    slots.give_back(second)

    slots.park_idle()

    assert [len(kept.tokens) for kept in parked._parked] == [len(LONG + "and more")]


def test_unloading_keeps_what_is_idle(one_slot: Slots, parked: ParkedPrefixes) -> None:
    busy = used(one_slot, LONG)
    one_slot.park_idle()
    assert not parked.holds(prompt(LONG))

    one_slot.give_back(busy)
    one_slot.park_idle()
    assert parked.holds(prompt(LONG))


def test_a_history_that_was_shifted_is_not_kept(one_slot: Slots, parked: ParkedPrefixes) -> None:
    slot = used(one_slot, LONG)
    one_slot.shift(slot, 10, 50)
    one_slot.give_back(slot)

    one_slot.park_idle()

    assert parked._parked == []


def test_a_chat_with_an_image_is_not_kept(one_slot: Slots, parked: ParkedPrefixes) -> None:
    slot = one_slot.take(prompt(LONG), [Span(start=4, n_rows=6, n_positions=6)])
    slot.n_cached = slot.n_tokens
    one_slot.give_back(slot)

    one_slot.park_idle()

    assert parked._parked == []
