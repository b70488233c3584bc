import numpy as np
import pytest

from rt_gait.bench.purity import Purity, purity
from rt_gait.track.mot import TrackBoxes
from rt_gait.types import Detections, Embedding, Frame, FrameResult, Silhouette


def _truth() -> TrackBoxes:
    """Two people who stand side by side for ten frames."""
    frames = np.repeat(np.arange(1, 11), 2)
    boxes = np.tile([[0, 0, 10, 30], [50, 0, 10, 30]], (10, 1)).astype(float)
    return TrackBoxes(frames, np.tile([1, 2], 10), boxes)


def _result(index: int, x: float, *, due: bool) -> FrameResult:
    box = np.array([x, 0, x + 10, 30], np.float32)
    pixels = np.zeros((64, 44), np.uint8)
    embedding = Embedding(1, index / 10, np.ones(1, np.float32))
    return FrameResult(
        frame=Frame(np.zeros((1, 1, 3), np.uint8), index, index / 10),
        detections=Detections.none(),
        tracks=(),
        silhouettes=(Silhouette(1, index, index / 10, box, pixels),),
        embeddings=(embedding,) if due else (),
    )


@pytest.mark.parametrize(
    ("swap_at", "found"),
    [
        pytest.param(10, Purity(2, 2, 0), id="one person"),
        pytest.param(5, Purity(2, 2, 0), id="a swap between windows"),
        pytest.param(7, Purity(2, 1, 0), id="a swap within the second"),
    ],
)
def test_a_window_with_two_people_is_not_pure(swap_at: int, found: Purity) -> None:
    results = [_result(i, 0 if i < swap_at else 50, due=i in (4, 9)) for i in range(10)]
    assert purity(results, _truth(), span_secs=0.4) == found


def test_windows_of_nobody_are_counted_as_such() -> None:
    results = [_result(i, 200, due=i == 4) for i in range(5)]
    assert purity(results, _truth(), span_secs=0.4) == Purity(1, 1, 1)
