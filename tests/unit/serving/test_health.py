"""The circuit breaker, played through with a clock and answers that are made up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from rt_gait.errors import ModelError, ServerError
from rt_gait.serving.health import OPEN_AFTER, PROBE_SECS, Health, Outage, Verdict


class World:
    """A server that answers questions as it is told, and the time."""

    def __init__(self) -> None:
        self.now_secs = 0.0
        self.error: Exception | None = None
        self.done = True
        self.asked_at_secs: list[float] = []

    def ask(self) -> World:
        self.asked_at_secs.append(self.now_secs)
        return self

    def verify(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def health(world: World) -> Health:
    return Health(world.ask, lambda: world.now_secs)


def fail(health: Health, count: int) -> list[Verdict | None]:
    """Requests that fail one after the other, each with time for an answer."""
    verdicts = []
    for _ in range(count):
        health.trouble()
        verdicts += [health.poll(), health.poll()]
    return [v for v in verdicts if v is not None]


def test_nothing_is_asked_while_nothing_fails(health: Health, world: World) -> None:
    assert [health.poll() for _ in range(100)] == [None] * 100
    assert world.asked_at_secs == []


def test_a_server_that_answers_is_only_busy(health: Health, world: World) -> None:
    assert fail(health, 20) == [Verdict.WELL] * 20
    assert not health.is_open


def test_it_opens_after_three_failures_that_nobody_answers(health: Health, world: World) -> None:
    world.error = ServerError("nobody there")
    assert fail(health, OPEN_AFTER - 1) == [Verdict.AWAY] * (OPEN_AFTER - 1)
    assert not health.is_open
    assert fail(health, 1) == [Verdict.AWAY]
    assert health.is_open


def test_it_never_waits_for_an_answer(health: Health, world: World) -> None:
    world.done = False
    health.trouble()
    assert [health.poll() for _ in range(5)] == [None] * 5
    assert len(world.asked_at_secs) == 1


def test_questions_to_a_server_that_is_away_come_ever_slower(health: Health, world: World) -> None:
    world.error = ServerError("nobody there")
    fail(health, OPEN_AFTER)
    del world.asked_at_secs[:-1]
    while world.now_secs < 60:
        health.poll()
        world.now_secs += 0.01
    pauses = [round(b - a, 1) for a, b in pairwise(world.asked_at_secs)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == PROBE_SECS


def test_it_closes_with_the_first_answer_and_counts_afresh(health: Health, world: World) -> None:
    world.error = ServerError("nobody there")
    fail(health, OPEN_AFTER)
    world.error, world.now_secs = None, PROBE_SECS[0]
    assert [health.poll(), health.poll()] == [None, Verdict.WELL]
    assert not health.is_open
    world.error = ServerError("gone again")
    fail(health, OPEN_AFTER - 1)
    assert not health.is_open


def test_a_server_that_comes_back_as_another_is_told(health: Health, world: World) -> None:
    world.error = ModelError("other models")
    health.trouble()
    health.poll()
    with pytest.raises(ModelError, match="other models"):
        health.poll()


def test_an_outage_is_told_once_however_many_notice(world: World) -> None:
    said: list[str] = []
    outage = Outage("away", "back", said.append)
    users = [Health(world.ask, lambda: world.now_secs, outage.note) for _ in range(2)]
    for wanted in (["away"], ["away", "back"], ["away", "back", "away"]):
        away = len(wanted) % 2
        world.error = ServerError("nobody there") if away else None
        world.now_secs += 10
        for user in users:
            if away:
                fail(user, OPEN_AFTER + 5)
            assert said == wanted if away else said == wanted[:-1]
            user.poll()
            user.poll()
        assert said == wanted
