"""Live embedding against answers that come late, in any order, or never."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.errors import ServerError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.gait.inputs import Batch
from rt_gait.gait.live import FIRST_WINDOWS, IN_FLIGHT, LiveGaitEmbedder
from rt_gait.gait.network import Job, Request
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.reasons import WindowLoss
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import Embedding, Window

STEP_SECS = 0.04
SUBJECTS = Templates(("s_0", "s_1"), np.array([0, 1]), np.eye(2, dtype=np.float32))


class Plain:
    """A network that asks for the first two pixels of a window."""

    def __init__(self, info: ModelInfo) -> None:
        self.models = (info,)

    def job(self, windows: Sequence[Window]) -> Job:
        (vectors,) = yield [Request(self.models[0], np.stack([w.pixels for w in windows]))]
        return vectors


class Post:
    """Answers each request after a delay of its own, in steps; None is never."""

    def __init__(self, delays: Sequence[int | None]) -> None:
        self.now = 0
        self.sent: list[Batch] = []
        turns = cycle(delays)
        self.delay: Callable[[], int | None] = lambda: next(turns)

    def send(self, _info: ModelInfo, batch: Batch, *, timeout_secs: float) -> Letter:
        self.sent.append(batch)
        delay = self.delay()
        return Letter(self, batch, self.now, delay, round(timeout_secs / STEP_SECS))

    def probe(self) -> Letter:
        return Letter(self, np.zeros(0), self.now, 0, 1)


class Letter:
    def __init__(
        self, post: Post, batch: Batch, sent: int, delay: int | None, timeout: int
    ) -> None:
        self._post, self._batch = post, batch
        self._lost = delay is None or delay > timeout
        self._due = sent + (timeout if delay is None or self._lost else delay)

    @property
    def done(self) -> bool:
        return self._post.now >= self._due

    def cancel(self) -> None:
        pass

    def outputs(self) -> list[Batch]:
        if self._lost:
            raise ServerError("too late", slow=True)
        return [self._batch]

    def verify(self) -> None:
        pass


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    folder: Path = tmp_path_factory.mktemp("models")
    stand_ins.write_whole(folder)
    return gait_model_info(folder, "whole")


def window(track_id: int, step: int) -> Window:
    """Odd tracks are the second subject."""
    pixels = np.array([1.0, 0.0] if track_id % 2 == 0 else [0.0, 1.0], np.float32)
    return Window(track_id, 0.0, step * STEP_SECS, pixels)  # type: ignore[arg-type]


def play(
    live: LiveGaitEmbedder, post: Post, *, steps: int, lives: dict[int, tuple[int, int]]
) -> tuple[list[Embedding], int]:
    """Run tracks from and to a step, with a window every tenth; return what came, what was due."""
    found: list[Embedding] = []
    due = 0
    for step in range(steps):
        post.now = step
        alive = [i for i, (first, last) in lives.items() if first <= step < last]
        windows = [window(i, step) for i in alive if (step - lives[i][0]) % 10 == 9]
        due += len(windows)
        came = live.exchange(windows, alive)
        assert {e.track_id for e in came} <= set(alive), "no result of a track that has ended"
        found += came
    return found, due


DELAYS = st.lists(st.integers(0, 20), min_size=1, max_size=12)


@settings(max_examples=1000, deadline=None)
@given(delays=DELAYS, ends=st.lists(st.integers(20, 100), min_size=1, max_size=5))
def test_r14_late_and_reordered_answers_change_no_identity(
    info: ModelInfo, delays: list[int], ends: list[int]
) -> None:
    """Delays of 0 to 800 ms; tracks that end early; every window is embedded or counted."""
    post = Post(delays)
    live = LiveGaitEmbedder(Plain(info), post, clock=lambda: post.now * STEP_SECS)
    lives = {i: (i, end) for i, end in enumerate(ends)} | {9: (0, 130)}
    found, due = play(live, post, steps=130, lives=lives)
    assert len(found) + sum(live.lost.values()) + live.pending == due
    live.finish()
    assert live.pending == 0
    assert len(found) + sum(live.lost.values()) == due
    assert live.lost[WindowLoss.TIMED_OUT] == live.lost[WindowLoss.UNAVAILABLE] == 0
    identifier = Identifier(SUBJECTS, Thresholds(known=0.9, candidate=0.8, margin=0.1))
    identifier.add(found)
    (identity,) = identifier.decide([9]).values()
    assert identity.subject_id == "s_1"
    for embedding in found:
        np.testing.assert_array_equal(embedding.vector, window(embedding.track_id, 0).pixels)


def test_while_the_server_is_busy_the_newest_window_of_a_track_waits(info: ModelInfo) -> None:
    post = Post([15])
    live = LiveGaitEmbedder(Plain(info), post, clock=lambda: post.now * STEP_SECS)
    for step in range(IN_FLIGHT):
        live.exchange([window(step, step)], range(20))
    for step in (4, 5, 6):
        live.exchange([window(10, step), window(11, step)], range(20))
    assert len(post.sent) == IN_FLIGHT
    assert live.lost == {WindowLoss.REPLACED: 4, WindowLoss.LATE: 0}
    post.now = 15
    live.exchange([], range(20))
    assert len(post.sent[-1]) == 2, "those that waited leave together"
    post.now = 30
    newest = {e.track_id: e.end_secs for e in live.exchange([], range(20))}
    assert newest == {10: 6 * STEP_SECS, 11: 6 * STEP_SECS}


def test_all_windows_of_a_tick_leave_in_one_request_once_the_server_is_known(
    info: ModelInfo,
) -> None:
    post = Post([1])
    live = LiveGaitEmbedder(Plain(info), post, clock=lambda: post.now * STEP_SECS)
    for step in range(0, 100, 10):
        post.now = step
        live.exchange([window(i, step) for i in range(info.max_batch_size)], range(100))
    assert len(post.sent[0]) == FIRST_WINDOWS
    assert [len(batch) for batch in post.sent[-3:]] == [info.max_batch_size] * 3


def test_less_is_asked_of_a_server_that_is_too_slow(info: ModelInfo) -> None:
    post = Post([None])
    live = LiveGaitEmbedder(Plain(info), post, clock=lambda: post.now * STEP_SECS)
    for step in range(0, 250, 10):
        post.now = step
        live.exchange([window(i, step) for i in range(64)], range(64))
    assert len(post.sent[0]) == FIRST_WINDOWS
    assert len(post.sent[-1]) == 1
    assert live.lost[WindowLoss.TIMED_OUT] > 0
    assert live.lost[WindowLoss.UNAVAILABLE] == 0, "the server answers when asked"


def test_a_slow_server_is_given_what_it_can_answer_in_time(info: ModelInfo) -> None:
    """One that takes 25 ms a window and 64 people: without restraint nothing is in time."""
    post = Post([0])
    live = LiveGaitEmbedder(Plain(info), post, clock=lambda: post.now * STEP_SECS)
    free_at, found = 0.0, 0

    def delay() -> int:
        nonlocal free_at
        free_at = max(free_at, post.now) + len(post.sent[-1]) * 0.025 / STEP_SECS
        return round(free_at - post.now)

    post.delay = delay
    for step in range(1000):
        post.now = step
        found += len(live.exchange([window(i, step) for i in range(64)], range(64)))
    able = 1000 * STEP_SECS / 0.025
    assert found > 0.8 * able
    assert live.lost[WindowLoss.TIMED_OUT] < 0.05 * able
