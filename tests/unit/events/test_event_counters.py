"""Nothing is lost without being counted."""

from __future__ import annotations

from dataclasses import replace

from event_world import INSUFFICIENT, KNOWN, embedding, result, silhouette
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.events import Counters
from rt_gait.events.counters import total
from rt_gait.reasons import Rejection
from rt_gait.types import Detections


@given(st.integers(0, 40), st.integers(0, 9))
def test_processed_and_dropped_are_all_that_was_captured(processed: int, dropped: int) -> None:
    counters = Counters(dropped=dropped)
    for index in range(processed):
        counters.update(result(index))
    assert (counters.captured, counters.processed) == (processed + dropped, processed)


def test_a_gap_in_the_index_is_a_decode_error_and_not_a_drop() -> None:
    counters = Counters()
    counters.update(result(0))
    counters.update(result(4))
    assert (counters.captured, counters.processed, counters.dropped) == (2, 2, 0)


def test_totals_and_what_there_is_now() -> None:
    counters = Counters(dropped=1, decode_errors=2)
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
        "frames": {
            "captured": 2, "processed": 1, "dropped": 1, "decode_errors": 2, "undetected": 0
        },
        "tracks": 2,
        "windows": 3,
        "windows_lost": {
            "replaced": 0, "rejected": 0, "timed_out": 0, "unavailable": 0, "late": 0
        },
        "silhouettes": 1,
        "rejections": {
            "cut_by_frame": 1, "too_small": 0, "merged": 0, "fragmented": 0, "low_score": 0
        },
        "reconnects": 0,
        "outputs_failed": 0,
    }  # fmt: skip
    now = counters.snapshot()
    assert now["tracks_live"] == 2
    assert now["identities"] == {"insufficient": 1, "unknown": 0, "candidate": 0, "known": 1}
    assert "decode_errors" not in now["frames"]
    counters.update(result(2))
    assert counters.snapshot()["identities"]["known"] == 0
    assert totals["frames"]["captured"] == 2, "a dict that was given away does not change"


def test_frames_without_an_answer_of_the_segmenter_are_counted() -> None:
    counters = Counters()
    seen = result(1)
    counters.update(replace(seen, detections=Detections.none(missing=True)))
    counters.update(seen)
    assert (counters.undetected, counters.processed) == (1, 2)
    assert counters.snapshot()["frames"]["undetected"] == 1


def test_the_counters_of_several_sources_add_up() -> None:
    one, other = Counters(dropped=1, reconnects=2), Counters(dropped=3)
    one.update(result(5, identities={1: KNOWN}, started=(1,)))
    other.update(result(9, identities={2: KNOWN}, rejections={2: Rejection.MERGED}))
    both = total([one, other])
    assert (both.captured, both.dropped, both.reconnects, both.tracks) == (6, 4, 2, 1)
    assert both.rejections["merged"] == 1
    assert both.identities["known"] == both.tracks_live == 2
    assert both.media_time_secs == other.media_time_secs
    assert total([one]) is one
