"""How many people can be served at a rate, found by search.

Cameras of 25 frames a second, one a process, film people whose windows fall due with the frames
and wait for nothing. A number of people is served if every window is answered, 99% of them within
the limit; one that fails has a second try, since a single stall of 50 ms spoils a short one. The
original system's measure is 25 windows a second each; identity needs 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from rt_gait.bench.load.bench import Bench, Timing
from rt_gait.bench.load.jobs import Camera, ClosedLoop
from rt_gait.bench.results.tables import number

NEAR = 1.05
"""How near the greatest number that works is to be found."""
MOST = 1 << 20
_TOO_SLOWLY_GROWING = 0.9
"""Step down where a longer run does not hold what a short one did."""


@dataclass(frozen=True)
class Wanted:
    """What people want."""

    rate_hz: float
    """Windows a second, each."""
    p99_ms: float
    """Within which 99% of the windows are answered, from the frame they fell due with."""
    most: int = MOST
    """People the search ends with."""


def capacity(
    bench: Bench, wanted: Wanted, timing: Timing, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Search, confirm in longer runs with energy, and compare with the naive way.

    Args:
        bench: the model.
        wanted: what people want.
        timing: ``secs`` of a try in the search; the runs that confirm have all the time.
        tell: takes a line for each try.
    """
    tried: list[dict[str, Any]] = []

    def held_once(people: int) -> bool:
        answers = bench.clients.do(_cameras(bench, people, wanted.rate_hz, timing.secs))
        row = {"people": people, "p99_ms": answers.quantile_ms(0.99), "failed": answers.failed}
        tried.append(row)
        tell(f"{people} people: p99 {number(row['p99_ms'])} ms, {answers.failed} failed")
        return answers.within(wanted.p99_ms)

    def works(people: int) -> bool:
        return held_once(people) or held_once(people)  # one stall of the machine is no verdict

    # Every client's first windows wake up what has slept.
    bench.clients.do(_cameras(bench, len(bench.clients), wanted.rate_hz, 1.0))
    people = most_people(works, len(bench.clients), wanted.most)
    held: dict[str, Any] = {}
    while people:
        # A queue that grows slowly shows only in longer runs.
        job = _cameras(bench, people, wanted.rate_hz, timing.all_secs)
        held = bench.measure(job, timing, batch=1)
        tell(f"{people} people for {timing.all_secs:g} s: p99 {number(held['p99_ms'])} ms")
        p99s = [row["p99_ms"] for row in held["repeats"]]
        if not held["failed"] and None not in p99s and median(p99s) <= wanted.p99_ms:
            break
        people = int(_TOO_SLOWLY_GROWING * people)
    naive = bench.clients.do(lambda k: ClosedLoop(1, int(k == 0), timing.secs))
    return {
        "rate_hz": wanted.rate_hz,
        "p99_limit_ms": wanted.p99_ms,
        "people": people,
        "search_ended_at_most": people >= wanted.most,
        "naive_people": int(naive.between(0, timing.secs).count / timing.secs / wanted.rate_hz),
        "naive_p99_ms": naive.quantile_ms(0.99),
        "tried": tried,
        **(held if people else {}),
    }


def most_people(works: Callable[[int], bool], least: int = 1, most: int = MOST) -> int:
    """The greatest number up to ``most`` that ``works``, within 5%; 0 if ``least`` does not."""
    low, high = 0, min(least, most)
    while works(high):
        if high >= most:
            return high
        low, high = high, min(2 * high, most)
    while low and high > NEAR * low + 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return low


def _cameras(bench: Bench, people: int, rate_hz: float, secs: float) -> Callable[[int], Camera]:
    return lambda k: Camera(bench.clients.share(people, k), rate_hz, secs)
