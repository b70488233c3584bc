from __future__ import annotations

import numpy as np
import pytest

from rt_gait.config import load_settings
from rt_gait.gait.embedder import gait_model_info
from rt_gait.identity.calibration import Calibration, Odds
from rt_gait.identity.matching import Templates
from rt_gait.limits import outgrown, thresholds
from rt_gait.serving.repository import default_models_dir

FOUND = Calibration(
    known=0.52,
    candidate=0.41,
    fpir=0.01,
    fpir_low=0.0,
    fpir_high=0.03,
    subjects=2,
    strangers=100,
    odds=Odds(20.0, -9.0),
)
INFO = gait_model_info(default_models_dir(), "gait3d")


def test_the_gallery_beats_the_model_and_a_flag_beats_both() -> None:
    plain = thresholds(load_settings(), INFO)
    assert plain is not None
    assert (plain.known, plain.candidate) == (0.6, 0.55)
    assert plain.odds is not None
    found = thresholds(load_settings(), INFO, FOUND)
    assert found is not None
    assert (found.known, found.candidate, found.odds) == (0.52, 0.41, FOUND.odds)
    flagged = thresholds(load_settings(known_score=0.3), INFO, FOUND)
    assert flagged is not None
    assert (flagged.known, flagged.candidate) == (0.3, 0.3)


@pytest.mark.parametrize(("subjects", "told"), [(2, False), (3, True)])
def test_a_gallery_that_has_grown_is_told(subjects: int, told: bool) -> None:
    ids = tuple("abc"[:subjects])
    templates = Templates(ids, np.arange(subjects), np.eye(subjects, 4, dtype=np.float32))
    assert (outgrown(FOUND, templates) is not None) == told
    assert outgrown(None, templates) is None
