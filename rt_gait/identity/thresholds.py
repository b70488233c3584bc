"""Where claims begin."""

from __future__ import annotations

from dataclasses import dataclass

from rt_gait.errors import UsageError
from rt_gait.identity.calibration import Odds
from rt_gait.identity.searches import FUSED_WINDOWS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where the claims begin, in fused cosine similarity."""

    known: float
    """-1..1."""
    candidate: float
    """-1..1, at most ``known``."""
    margin: float
    """0..2: lead over the next subject that ``known`` asks for."""
    min_windows: int = 2
    odds: Odds | None = None
    """To tell a probability by; None tells none."""

    def __post_init__(self) -> None:
        """Raise :class:`UsageError` for numbers that contradict each other."""
        if not -1 <= self.candidate <= self.known <= 1:
            raise UsageError(
                "thresholds must satisfy -1 <= candidate <= known <= 1, "
                f"got candidate {self.candidate} and known {self.known}"
            )
        if not 0 <= self.margin <= 2:
            raise UsageError(f"the margin must be within 0..2, got {self.margin}")
        if not 1 <= self.min_windows <= FUSED_WINDOWS_MAX:
            raise UsageError(
                f"min_windows must be within 1..{FUSED_WINDOWS_MAX}, got {self.min_windows}"
            )
