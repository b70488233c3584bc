from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.errors import SourceLostError
from rt_gait.types import Frame
from rt_gait.video.mailbox import BoundedQueue, LatestSlot, Mailbox

IMAGE = np.zeros((1, 1, 3), np.uint8)


def frame(index: int) -> Frame:
    return Frame(IMAGE, index, index / 25)


def drain(box: Mailbox) -> list[int]:
    seen = []
    while (got := box.get(5)) is not None:
        seen.append(got.index)
    return seen


def produce(box: Mailbox, count: int) -> threading.Thread:
    def run() -> None:
        for index in range(count):
            if not box.put(frame(index)):
                return
        box.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_queue_loses_nothing_and_keeps_the_order() -> None:
    box = BoundedQueue(3)
    thread = produce(box, 200)
    assert drain(box) == list(range(200))
    thread.join(5)
    assert (box.captured, box.dropped) == (200, 0)


def test_a_full_queue_makes_the_producer_wait() -> None:
    box = BoundedQueue(2)
    thread = produce(box, 3)
    thread.join(0.05)
    assert thread.is_alive()
    assert box.get(5) is not None
    thread.join(5)
    assert not thread.is_alive()


def test_a_slot_keeps_the_newest_and_counts_the_rest() -> None:
    box = LatestSlot()
    for index in range(5):
        assert box.put(frame(index))
    box.close()
    assert drain(box) == [4]
    assert (box.captured, box.dropped) == (5, 4)


@pytest.mark.parametrize("kind", [BoundedQueue, LatestSlot])
class TestBoth:
    def test_the_end_comes_after_the_frames_and_stays(self, kind: type[Mailbox]) -> None:
        box = kind()
        box.put(frame(0))
        box.close()
        box.close(SourceLostError("too late"))
        assert drain(box) == [0]
        assert box.get(0) is None

    def test_an_error_comes_after_the_frames_and_stays(self, kind: type[Mailbox]) -> None:
        box = kind()
        box.put(frame(0))
        box.close(SourceLostError("gone"))
        got = box.get(0)
        assert got is not None
        for _ in range(2):
            with pytest.raises(SourceLostError, match="gone"):
                box.get(0)

    def test_nothing_in_time(self, kind: type[Mailbox]) -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            kind().get(0.02)
        assert 0.015 < time.monotonic() - began < 2

    def test_closing_wakes_the_consumer(self, kind: type[Mailbox]) -> None:
        box = kind()
        threading.Timer(0.02, box.close).start()
        assert box.get(None) is None

    def test_stopping_wakes_the_consumer_and_drops_what_waits(self, kind: type[Mailbox]) -> None:
        box = kind()
        box.put(frame(0))
        box.stop()
        box.stop()
        assert box.get(None) is None
        assert not box.put(frame(1))
        assert (box.captured, box.dropped) == (2, 2)

    def test_nothing_may_follow_the_end(self, kind: type[Mailbox]) -> None:
        box = kind()
        box.close()
        with pytest.raises(RuntimeError):
            box.put(frame(0))


def test_stopping_frees_a_waiting_producer() -> None:
    box = BoundedQueue(1)
    thread = produce(box, 9)
    thread.join(0.05)
    assert thread.is_alive()
    box.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert box.captured == box.dropped == 2


def test_a_queue_needs_room() -> None:
    with pytest.raises(ValueError, match="capacity"):
        BoundedQueue(0)


@given(
    slot=st.booleans(),
    capacity=st.integers(1, 4),
    count=st.integers(0, 30),
    pauses=st.sets(st.integers(0, 30), max_size=4),
    stop_after=st.none() | st.integers(0, 30),
)
@settings(max_examples=60, deadline=None)
def test_processed_and_dropped_make_captured(
    slot: bool, capacity: int, count: int, pauses: set[int], stop_after: int | None
) -> None:
    box: Mailbox = LatestSlot() if slot else BoundedQueue(capacity)
    thread = produce(box, count)
    seen: list[int] = []
    while len(seen) != stop_after and (got := box.get(5)) is not None:
        seen.append(got.index)
        if len(seen) in pauses:
            time.sleep(0.001)
    box.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert seen == sorted(set(seen))
    assert len(seen) + box.dropped == box.captured
    if stop_after is None:
        assert box.captured == count
        assert slot or seen == list(range(count))
        assert not count or seen[-1] == count - 1
