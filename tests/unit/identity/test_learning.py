from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from rt_gait.identity.learning import LEAD, TEMPLATES_MOST, WINDOWS_LEAST, Learner
from rt_gait.identity.proposals import Walk
from rt_gait.identity.thresholds import Thresholds
from rt_gait.types import (
    Detections,
    Embedding,
    Frame,
    FrameResult,
    Identity,
    IdentityState,
    Track,
    TrackState,
    TrackSummary,
)

LIMITS = Thresholds(known=0.6, candidate=0.5, margin=0.05)
CLEAR = Identity(IdentityState.KNOWN, "s_ANNA0000", 0.6 + LEAD, 0.05 + LEAD, WINDOWS_LEAST)


@dataclass
class Story:
    """One track: a frame for each window, and how it ended."""

    identity: Identity = CLEAR
    before: Identity = field(default_factory=Identity)
    """Of the first half."""
    windows: int = WINDOWS_LEAST
    parted_at: int | None = None
    ends: bool = True


def told(story: Story) -> list[Walk]:
    """Return what is proposed of it."""
    proposed: list[Walk] = []
    learner = Learner(LIMITS, "lobby.mp4", proposed.append)
    box, image = np.array([0, 0, 10, 20], np.float32), np.zeros((4, 4, 3), np.uint8)
    for k in range(story.windows):
        track = Track(7, TrackState.CONFIRMED, box, 0.9, 0, 0.5, parted=story.parted_at == k)
        learner.write(
            FrameResult(
                frame=Frame(image, k, 1.0 + k),
                detections=Detections.none(),
                tracks=(track,),
                identities={7: story.before if k < story.windows // 2 else story.identity},
                embeddings=(Embedding(7, 1.0 + k, np.eye(300, dtype=np.float32)[k]),),
            )
        )
    if story.ends:
        ended = TrackSummary(7, 0.5, 9.0, 1, 1, {}, story.identity)
        last = Frame(image, 99, 30.0)
        learner.write(FrameResult(last, Detections.none(), tracks=(), ended=(ended,)))
        assert len(proposed) < 2
        count = len(proposed)
        learner.close()
        assert len(proposed) == count, "a track is told once"
    learner.close()
    return proposed


@pytest.mark.parametrize("ends", [True, False])
def test_a_walk_of_somebody_clearly_known_is_proposed(ends: bool) -> None:
    (walk,) = told(Story(ends=ends))
    assert (walk.subject_id, walk.score) == ("s_ANNA0000", CLEAR.score)
    assert walk.source == "lobby.mp4, 0.5 to 8.0 s"
    assert walk.vectors.shape == (WINDOWS_LEAST, 300)


def test_long_walks_give_no_more_templates_than_others_and_from_all_over() -> None:
    (walk,) = told(Story(windows=290))
    assert len(walk.vectors) == TEMPLATES_MOST
    picked = walk.vectors.argmax(axis=1)
    assert picked[-1] == 289 and picked[0] < 10 and (np.diff(picked) > 15).all()


def test_a_sole_subject_has_no_margin_to_show() -> None:
    assert told(Story(Identity(IdentityState.KNOWN, "s_ANNA0000", 0.9, None, 9)))


def known(name: str = "s_ANNA0000", score: float = 0.9, margin: float = 0.3) -> Identity:
    return Identity(IdentityState.KNOWN, name, score, margin, 9)


@pytest.mark.parametrize(
    "story",
    [
        Story(windows=WINDOWS_LEAST - 1),
        Story(known(score=0.6 + LEAD - 0.01)),
        Story(known(margin=0.05 + LEAD - 0.01)),
        Story(parted_at=3),
        Story(before=known("s_BEN00000")),
        Story(before=CLEAR, identity=Identity(IdentityState.CANDIDATE, "s_ANNA0000", 0.9, 0.3, 9)),
        Story(before=CLEAR, identity=Identity(IdentityState.UNKNOWN, None, 0.3, 0.3, 9)),
        Story(Identity(IdentityState.UNKNOWN, None, 0.99, 0.3, 9)),
        Story(Identity()),
    ],
    ids=[
        "few windows", "score", "margin", "suspected swap", "another name", "candidate",
        "unknown in the end", "unknown", "insufficient",
    ],
)  # fmt: skip
def test_nothing_is_proposed_of(story: Story) -> None:
    assert told(story) == []
