"""What tests of whole evaluations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rt_gait.evaluation import study
from rt_gait.evaluation.resampling import Resampling


class _Few:
    @staticmethod
    def of(subjects: int) -> Resampling:
        return Resampling.of(subjects, 60)


@pytest.fixture(scope="module")
def few_replicates() -> Iterator[None]:
    """Intervals of 60 replicates, where a test asks how figures are made and not how they vary."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "Resampling", _Few)
        yield
