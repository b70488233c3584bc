"""Nothing is lost without being counted."""

from __future__ import annotations

from event_world import INSUFFICIENT, KNOWN, builder, embedding, result, silhouette
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.events import Counters
from rt_gait.types import Rejection


@given(st.lists(st.integers(0, 5), max_size=50), st.integers(0, 9))
def test_processed_and_dropped_are_all_that_was_captured(gaps: list[int], tail: int) -> None:
    counters = Counters()
    index = -1
    for gap in gaps:
        index += 1 + gap
        counters.update(result(index))
        assert counters.processed + counters.dropped == counters.captured == index + 1
    counters.drop(tail)
    assert counters.processed == len(gaps)
    assert counters.dropped == sum(gaps) + tail
    assert counters.processed + counters.dropped == counters.captured == index + 1 + tail


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=30))
def test_the_sum_holds_through_any_order_of_frames_and_epochs(
    frames: list[tuple[int, int]],
) -> None:
    counters = Counters()
    for index, epoch in frames:
        counters.update(result(index, epoch=epoch))
        assert counters.processed + counters.dropped == counters.captured
        assert counters.dropped >= 0
    assert counters.processed == len(frames)


def test_frames_told_as_dropped_are_not_counted_again_as_a_gap() -> None:
    counters = Counters()
    counters.update(result(0))
    counters.drop(3)
    counters.update(result(4))
    assert (counters.captured, counters.processed, counters.dropped) == (5, 2, 3)
    counters.drop(-2)
    assert (counters.captured, counters.processed, counters.dropped) == (5, 2, 3)


def test_a_source_that_counts_anew_after_a_reconnect() -> None:
    counters = Counters()
    counters.update(result(100))
    counters.update(result(2, epoch=1))
    assert (counters.captured, counters.processed, counters.dropped) == (104, 2, 102)


def test_totals_and_what_there_is_now() -> None:
    counters = Counters(decode_errors=2)
    counters.update(
        result(
            1,
            identities={1: KNOWN, 2: INSUFFICIENT},
            started=(1, 2),
            silhouettes=(silhouette(),),
            rejections={2: Rejection.CUT_BY_FRAME},
            embeddings=(embedding(),) * 3,
        )
    )
    totals = counters.as_dict()
    assert totals == {
        "media_time_secs": 0.04,
        "frames": {"captured": 2, "processed": 1, "dropped": 1, "decode_errors": 2},
        "tracks": 2,
        "windows": 3,
        "silhouettes": 1,
        "rejections": {
            "cut_by_frame": 1, "too_small": 0, "merged": 0, "fragmented": 0, "low_score": 0
        },
    }  # fmt: skip
    now = counters.snapshot()
    assert now["tracks_live"] == 2
    assert now["identities"] == {"insufficient": 1, "unknown": 0, "candidate": 0, "known": 1}
    assert "decode_errors" not in now["frames"]
    counters.update(result(2))
    assert counters.snapshot()["identities"]["known"] == 0
    assert totals["frames"]["captured"] == 2, "a dict that was given away does not change"


def test_a_run_may_be_ended_with_counters_of_its_own() -> None:
    made = builder()
    (event,) = made.run_ended("finished", 0, Counters(captured=7, processed=5, dropped=2))
    assert event["data"]["counters"]["frames"]["captured"] == 7
    assert event["data"]["counters"]["events"] == 1
