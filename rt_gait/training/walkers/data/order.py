"""What a data set is to hold, and whether that can be had."""

from __future__ import annotations

from dataclasses import dataclass, field

from rt_gait.errors import UsageError

from ..noise.model import NoiseModel
from .population import Population

#: Frames of one sequence; longer walks would leave every picture.
MOST_FRAMES = 300


@dataclass(frozen=True)
class Order:
    """What a data set is to hold: ``subjects`` per split; ``views``, ``frames`` of every walk.

    ``noise`` is the segmenter's, None for true masks. ``laboratory`` lists the directions
    (degrees) of fixed cameras; without it views are free.
    """

    subjects: dict[str, int]
    population: Population
    views: int
    frames: int
    noise: NoiseModel | None = field(default_factory=NoiseModel)
    laboratory: tuple[float, ...] = ()

    def check(self) -> None:
        """``UsageError`` for an order that cannot be met."""
        sessions = self.population.sessions
        if not sessions or min(self.views, *(s.trials for s in sessions)) < 1:
            raise UsageError("expected at least 1 session, trial and view")
        if not 2 <= self.frames <= MOST_FRAMES:
            raise UsageError(f"frames: expected 2 to {MOST_FRAMES}, got {self.frames}")


def shares(subjects: int, parts: tuple[float, ...]) -> dict[str, int]:
    """Subjects of the train, validation and test splits; ``parts`` are shares that sum to 1.

    A split with a share has at least one subject; one without is left out.
    """
    if len(parts) != 3 or not (min(parts) >= 0 and abs(sum(parts) - 1.0) < 1e-6):
        raise UsageError(f"split: expected three shares that sum to 1, got {parts}")
    names = ("train", "validation", "test")
    held = [max(1, round(subjects * p)) if p else 0 for p in parts[1:]]
    out = dict(zip(names, (subjects - sum(held), *held), strict=True))
    if out["train"] < (1 if parts[0] else 0) or subjects < 1:
        raise UsageError(f"{subjects} subjects are too few for the shares {parts}")
    return {name: count for name, count in out.items() if count}
