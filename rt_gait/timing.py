"""Timing the stages of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def timed(stage: str, stage_secs: dict[str, float], clock: Callable[[], float]) -> Iterator[None]:
    """Put into ``stage_secs`` how long something took by the clock, in seconds."""
    start_secs = clock()
    yield
    stage_secs[stage] = clock() - start_secs
