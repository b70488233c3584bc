"""From which sides a person was seen, told from how the boxes of a track move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rt_gait.types import FloatArray

ACROSS_PER_SEC = 0.25
"""Heights a second across the picture from which a walk counts as seen from the side; people walk
0.5 to 1 heights a second."""
SPAN_SECS = 1.2
TOWARDS, AWAY, LEFT, RIGHT = "towards the camera", "away from it", "to the left", "to the right"
VIEWS = (TOWARDS, AWAY, LEFT, RIGHT)


def view(boxes: Sequence[tuple[float, FloatArray]], end_secs: float) -> str | None:
    """Return where a person walked in the window that ends then; None if that cannot be told.

    Args:
        boxes: (time, [4] x1, y1, x2, y2) of the track, in the order of time.
        end_secs: of the window.
    """
    own = [b for b in boxes if end_secs - SPAN_SECS - 1e-6 <= b[0] <= end_secs + 1e-6]
    if len(own) < 2 or own[-1][0] <= own[0][0]:
        return None
    (first_secs, first), (last_secs, last) = own[0], own[-1]
    heights = first[3] - first[1], last[3] - last[1]
    across = float(last[0] + last[2] - first[0] - first[2]) / float(sum(heights))
    if abs(across) / (last_secs - first_secs) >= ACROSS_PER_SEC:
        return RIGHT if across > 0 else LEFT
    return TOWARDS if float(np.log(heights[1] / heights[0])) > 0 else AWAY


def tell_views(views: Sequence[str | None]) -> str:
    """Say how many windows show which view, and which are missing."""
    counts = Counter(v for v in views if v is not None)
    seen = ", ".join(f"{counts[v]} {v}" for v in VIEWS if counts[v]) or "none that can be told"
    missing = [v for v in VIEWS if not counts[v]]
    return f"windows by direction: {seen}" + (
        f"; not seen walking {', '.join(missing)}" if missing else ""
    )
