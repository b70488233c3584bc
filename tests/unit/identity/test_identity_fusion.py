"""Templates here are the axes, so a probe's scores are its first numbers, exactly."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.errors import UsageError
from rt_gait.identity import fusion
from rt_gait.identity.calibration import Odds
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.reasons import Reason
from rt_gait.types import Embedding, Identity, IdentityState

INSUFFICIENT, UNKNOWN, CANDIDATE, KNOWN = IdentityState
THRESHOLDS = Thresholds(known=0.7, candidate=0.5, margin=0.1, min_windows=2)
SUBJECTS = 4


def axes(count: int) -> Templates:
    vectors = np.eye(count, SUBJECTS, dtype=np.float32)
    return Templates(tuple("abcd"[:count]), np.arange(count), vectors)


def window(track_id: int, *scores: float, end_secs: float = 0) -> Embedding:
    vector = np.zeros(SUBJECTS, np.float32)
    vector[: len(scores)] = scores
    return Embedding(track_id, end_secs, vector)


def walk(track_id: int, *scores: float, count: int = 2, start: int = 0) -> list[Embedding]:
    return [window(track_id, *scores, end_secs=start + number) for number in range(count)]


def identifier(*windows: Sequence[Embedding], subjects: int = SUBJECTS) -> Identifier:
    made = Identifier(axes(subjects), THRESHOLDS)
    for group in windows:
        made.add(group)
    return made


def only(made: Identifier, track_id: int = 1) -> Identity:
    return made.decide([track_id])[track_id]


def test_too_few_windows_are_insufficient() -> None:
    made = identifier()
    assert only(made) == Identity(reason=Reason.FEW_WINDOWS)
    made.add(walk(1, 0.9, count=1))
    identity = only(made)
    assert (identity.state, identity.subject_id, identity.windows) == (INSUFFICIENT, None, 1)


@pytest.mark.parametrize(
    ("scores", "state", "subject_id"),
    [
        pytest.param((0.8, 0.1), KNOWN, "a", id="clear"),
        pytest.param((0.1, 0.1, 0.7), KNOWN, "c", id="at-known"),
        pytest.param((0.8, 0.7), KNOWN, "a", id="at-margin"),
        pytest.param((0.8, 0.71), CANDIDATE, "a", id="margin-too-small"),
        pytest.param((0.69,), CANDIDATE, "a", id="below-known"),
        pytest.param((0.5, 0.49), CANDIDATE, "a", id="at-candidate"),
        pytest.param((0.49, 0.1), UNKNOWN, None, id="below-candidate"),
        pytest.param((-0.9, -0.8, -0.7, -0.6), UNKNOWN, None, id="negative"),
        pytest.param((0.8, 0.8), CANDIDATE, "a", id="tie"),
    ],
)
def test_claim_of_one_track(
    scores: tuple[float, ...], state: IdentityState, subject_id: str | None
) -> None:
    identity = only(identifier(walk(1, *scores)))
    assert (identity.state, identity.subject_id) == (state, subject_id)
    assert identity.score == round(max(*scores, -1 if len(scores) == SUBJECTS else 0), 4)
    assert identity.windows == 2
    assert len(identity.top) == 3
    assert [score for _, score in identity.top] == sorted(
        (score for _, score in identity.top), reverse=True
    )


def test_score_and_margin_are_rounded_for_the_log() -> None:
    identity = only(identifier([window(1, 0.77777), window(1, 0.66666, 1 / 3, end_secs=1)]))
    assert (identity.score, identity.margin) == (0.7222, 0.5555)
    assert identity.top == (("a", 0.7222), ("b", 0.1667), ("c", 0.0))


def test_sole_subject_needs_no_margin() -> None:
    identity = only(identifier(walk(1, 0.7), subjects=1))
    assert (identity.state, identity.margin, identity.top) == (KNOWN, None, (("a", 0.7),))


def test_empty_gallery_knows_nobody() -> None:
    made = Identifier(Templates.none(), THRESHOLDS)
    made.add(walk(1, 0.9, count=1))
    assert only(made) == Identity(windows=1, reason=Reason.FEW_WINDOWS)
    made.add(walk(1, 0.9, count=1, start=1))
    assert only(made) == Identity(state=UNKNOWN, windows=2, reason=Reason.EMPTY_GALLERY)


def test_only_the_latest_windows_count() -> None:
    made = identifier(walk(1, 0.0, 0.9, count=fusion.FUSED_WINDOWS_MAX))
    assert only(made).subject_id == "b"
    made.add(walk(1, 0.9, count=fusion.FUSED_WINDOWS_MAX, start=100))
    assert only(made).top[:2] == (("a", 0.9), ("b", 0.0))
    made.add(walk(1, 0.0, 0.9, count=5))  # older ones that come late are too old
    assert only(made).top[:2] == (("a", 0.9), ("b", 0.0))


def test_one_subject_is_claimed_by_the_higher_score() -> None:
    made = identifier(walk(1, 0.8), walk(2, 0.9), walk(3, 0.6))
    identities = made.decide([1, 2, 3])
    assert [identities[i].state for i in (1, 2, 3)] == [UNKNOWN, KNOWN, UNKNOWN]
    loser = identities[1]
    assert (loser.subject_id, loser.score, loser.top[0]) == (None, 0.8, ("a", 0.8))
    assert made.decide([1, 3])[1].state is KNOWN


def test_equal_scores_go_to_the_older_track() -> None:
    identities = identifier(walk(7, 0.8), walk(3, 0.8)).decide([7, 3])
    assert {i: one.state for i, one in identities.items()} == {3: KNOWN, 7: UNKNOWN}


def test_loser_is_its_second_best_only_if_that_is_known_by_itself() -> None:
    made = identifier(walk(1, 0.9), walk(2, 0.85, 0.75), walk(3, 0.85, 0.0, 0.65, 0.6))
    identities = made.decide([1, 2, 3])
    second = identities[2]
    assert (second.state, second.subject_id) == (KNOWN, "b")
    assert (second.score, second.margin) == (0.75, 0.75)
    assert (identities[3].state, identities[3].subject_id) == (UNKNOWN, None)


def test_second_best_must_be_free_and_clear_too() -> None:
    made = identifier(
        walk(1, 0.9), walk(2, 0, 0.9), walk(3, 0.85, 0.75), walk(4, 0.8, 0, 0.75, 0.7)
    )
    states = [identity.state for identity in made.decide([1, 2, 3, 4]).values()]
    assert states == [KNOWN, KNOWN, UNKNOWN, UNKNOWN]


def test_known_stays_known_down_to_the_candidate_threshold() -> None:
    made = identifier(walk(1, 0.8, count=10))
    assert only(made).state is KNOWN
    made.add(walk(1, 0.5, 0.45, count=10, start=10))
    assert only(made).state is KNOWN  # neither the score nor the margin would do for a new claim
    made.add(walk(1, 0.4, count=10, start=20))
    assert only(made).state is UNKNOWN
    made.add(walk(1, 0.6, count=10, start=30))
    assert only(made).state is CANDIDATE  # it has to be earned again


def test_known_does_not_pass_to_somebody_else() -> None:
    made = identifier(walk(1, 0.8, count=10))
    assert only(made).subject_id == "a"
    made.add(walk(1, 0.5, 0.6, count=10, start=10))
    identity = only(made)
    assert (identity.state, identity.subject_id) == (CANDIDATE, "b")


def test_after_a_suspected_swap_no_name_is_shown_until_a_later_window_agrees() -> None:
    made = identifier(walk(1, 0.8))
    assert only(made).state is KNOWN
    made.doubt(1, since_secs=100.0)
    assert only(made).state is INSUFFICIENT
    made.add([window(1, 0.8, end_secs=100.0)])  # seen before the swap, told after it
    assert made.dropped_windows == 1
    assert only(made).state is INSUFFICIENT
    made.add([window(1, 0.8, end_secs=101.5)])
    assert (only(made).state, only(made).windows) == (KNOWN, 3)


def test_after_a_swap_only_the_later_windows_are_believed() -> None:
    made = identifier(walk(1, 0.8, count=10))
    made.doubt(1, since_secs=100.0)
    made.add([window(1, 0.1, 0.7, end_secs=101.5)])
    assert only(made).state is INSUFFICIENT
    made.add([window(1, 0.1, 0.7, end_secs=102.5)])
    assert (only(made).subject_id, only(made).windows) == ("b", 2)


def test_a_track_without_evidence_cannot_be_doubted_but_early_windows_are_dropped() -> None:
    made = identifier()
    made.doubt(1, since_secs=100.0)
    made.add([window(1, 0.8, end_secs=99.0), *walk(1, 0.8, start=101)])
    assert made.dropped_windows == 1
    assert only(made).state is KNOWN


def test_late_windows_of_an_ended_track_are_dropped() -> None:
    made = identifier(walk(1, 0.8))
    made.forget(1)
    made.add([*walk(1, 0.8), *walk(2, 0.8)])
    assert only(made) == Identity(reason=Reason.FEW_WINDOWS)
    assert made.decide([2])[2].state is KNOWN
    assert made.dropped_windows == 2


def test_windows_that_are_not_numbers_are_dropped() -> None:
    made = identifier([window(1, np.nan), window(1, np.inf), window(1, 0.8, end_secs=np.nan)])
    assert made.dropped_windows == 3
    assert only(made) == Identity(reason=Reason.FEW_WINDOWS)


def test_memory_is_bounded() -> None:
    made = identifier(walk(1, 0.8, count=1000))
    assert len(made._tracks[1].windows) == fusion.FUSED_WINDOWS_MAX
    for track_id in range(5000):
        made.add(walk(track_id, 0.8, count=1))
        made.doubt(track_id + 10_000, since_secs=0.0)
        made.forget(track_id + 20_000)
    assert len(made._tracks) == fusion.TRACKS_MAX
    assert len(made._forgotten) == fusion.FORGOTTEN_MAX


@pytest.mark.parametrize(
    "wrong",
    [
        {"known": 0.4},
        {"known": 1.1},
        {"candidate": -1.1},
        {"candidate": float("nan")},
        {"margin": -0.1},
        {"margin": 2.1},
        {"min_windows": 0},
        {"min_windows": fusion.FUSED_WINDOWS_MAX + 1},
    ],
    ids=str,
)
def test_thresholds_that_contradict_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Thresholds(**{"known": 0.7, "candidate": 0.5, "margin": 0.1, "min_windows": 2, **wrong})


SCORE = st.integers(-100, 100).map(lambda hundredths: hundredths / 100)
WINDOWS = st.lists(
    st.builds(
        lambda track_id, end_secs, scores: window(track_id, *scores, end_secs=end_secs),
        st.integers(1, 5),
        st.integers(0, 15),
        st.lists(SCORE, min_size=SUBJECTS, max_size=SUBJECTS),
    ),
    max_size=40,
)


@settings(max_examples=1000, deadline=None)
@given(windows=WINDOWS, seed=st.integers(0, 2**32))
def test_order_of_windows_and_tracks_does_not_matter(windows: list[Embedding], seed: int) -> None:
    rng = random.Random(seed)
    in_order = identifier(windows)
    shuffled = rng.sample(windows, len(windows))
    cuts = sorted(rng.choices(range(len(windows) + 1), k=3))
    in_parts = identifier(
        *(shuffled[i:j] for i, j in zip([0, *cuts], [*cuts, len(windows)], strict=True))
    )
    tracks = [1, 2, 3, 4, 5, 6]
    expected = in_order.decide(tracks)
    answer = in_parts.decide(rng.sample(tracks, len(tracks)))
    assert answer == expected
    assert list(answer) == tracks


@settings(deadline=None)
@given(rounds=st.lists(WINDOWS, min_size=1, max_size=4))
def test_rules_hold_in_every_frame(rounds: list[list[Embedding]]) -> None:
    made = identifier()
    for windows in rounds:
        made.add(windows)
        identities = made.decide(range(1, 7))
        assert made.decide(range(1, 7)) == identities  # asking again changes nothing
        claimed = [one.subject_id for one in identities.values() if one.subject_id]
        assert len(claimed) == len(set(claimed))
        for identity in identities.values():
            assert (identity.subject_id is None) == (identity.state in (INSUFFICIENT, UNKNOWN))
            assert (identity.state is INSUFFICIENT) == (identity.windows < 2)
            if identity.subject_id:
                assert (identity.subject_id, identity.score) in identity.top
                assert identity.score is not None
                assert identity.score >= THRESHOLDS.candidate
            assert identity.windows <= fusion.FUSED_WINDOWS_MAX


def test_who_is_known_keeps_the_name_against_a_better_but_ambiguous_claim() -> None:
    templates = Templates(("s_a", "s_b"), np.arange(2), np.eye(2, 8, dtype=np.float32))

    def looks(track_id: int, like_a: float, like_b: float) -> list[Embedding]:
        rest = (1 - like_a**2 - like_b**2) ** 0.5
        vector = np.array([like_a, like_b, rest, 0, 0, 0, 0, 0], np.float32)
        return [Embedding(track_id, float(end), vector) for end in (1, 2)]

    identifier = Identifier(templates, Thresholds(known=0.67, candidate=0.5, margin=0.08))
    identifier.add([*looks(1, 0.7, 0.2), *looks(2, 0.71, 0.66)])
    decided = identifier.decide([1, 2])
    assert (decided[1].state, decided[1].subject_id) == (IdentityState.KNOWN, "s_a")
    assert decided[2].state is not IdentityState.KNOWN


def test_windows_count_by_their_quality() -> None:
    good, bad = window(1, 0.8), replace(window(1, 0.0, 0.8, end_secs=1), quality=0.25)
    made = identifier([good, bad])
    assert only(made).top[:2] == (("a", 0.64), ("b", 0.16))


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        pytest.param((0.8,), None, id="known"),
        pytest.param((0.6,), Reason.SCORE_LOW, id="below-known"),
        pytest.param((0.8, 0.75), Reason.TWO_CLOSE, id="two-close"),
        pytest.param((0.2,), Reason.NOBODY_CLOSE, id="nobody-close"),
    ],
)
def test_why_somebody_is_not_known(scores: tuple[float, ...], reason: Reason | None) -> None:
    assert only(identifier(walk(1, *scores))).reason is reason


def test_why_somebody_who_is_seen_elsewhere_is_unknown() -> None:
    identities = identifier(walk(1, 0.8), walk(2, 0.9)).decide([1, 2])
    assert [identities[i].reason for i in (1, 2)] == [Reason.SEEN_ELSEWHERE, None]


def test_why_after_a_suspected_swap() -> None:
    made = identifier(walk(1, 0.8))
    made.doubt(1, since_secs=5)
    assert only(made).reason is Reason.SUSPECTED_SWAP


def test_the_probability_goes_with_the_score() -> None:
    made = Identifier(axes(SUBJECTS), replace(THRESHOLDS, odds=Odds(10.0, -6.0)))
    made.add([*walk(1, 0.6), *walk(2, 0.9)])
    identities = made.decide([1, 2])
    assert identities[1].probability == pytest.approx(0.5)
    assert identities[2].probability == pytest.approx(0.9526, abs=1e-4)
    assert only(identifier(walk(1, 0.6))).probability is None
