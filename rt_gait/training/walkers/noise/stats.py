"""Error statistics of segmented against true masks of walkers.

:func:`compare` measures every frame of one sequence, :func:`summary` condenses many sequences.
Lengths are shares of the person's true height, so small and large people compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Bands of the body, shares of the height from the top: chin, hip, knee and ankle stand at .870,
#: .530, .285 and .039 of the stature (Drillis & Contini, Body Segment Parameters, 1966); a foot
#: seen from above reaches lower than the ankle's share.
BANDS = {
    "head": (0.0, 0.13),
    "trunk": (0.13, 0.47),
    "thighs": (0.47, 0.715),
    "shanks": (0.715, 0.94),
    "feet": (0.94, 1.0),
}
EDGES = ("top", "bottom", "left", "right")
#: A hole or loose piece counts from this share of the true area on.
LEAST_SPOT = 0.003


@dataclass(frozen=True)
class Sequence:
    """One walker over T frames.

    ``true`` and ``seen`` (T, H, W) bool masks of the same windows; ``found`` (T,) bool says where
    the segmenter saw the walker (``seen`` is empty elsewhere); ``height_px`` the walker's height
    in pixels of the segmenter's input.
    """

    true: Bools
    seen: Bools
    found: Bools
    height_px: float

    def __post_init__(self) -> None:
        if self.true.shape != self.seen.shape or self.true.ndim != 3:
            raise ValueError(f"two (T, H, W) arrays expected: {self.true.shape}, {self.seen.shape}")
        if self.found.shape != self.true.shape[:1]:
            raise ValueError(f"found is (T,) = {self.true.shape[:1]}, not {self.found.shape}")
        if not self.true.any(axis=(1, 2)).all():
            raise ValueError("a true mask is empty")


def _signed(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Distance in pixels to the outline of a mask (H, W), positive outside."""
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.where(mask > 0, 0.5 - inside, outside - 0.5), np.float32)


def _outline(mask: npt.NDArray[np.uint8]) -> Bools:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray((mask - cv2.erode(mask, cross)) > 0)


def extent(mask: Bools) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a mask (H, W) that is not empty; the ends are exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _spots(mask: npt.NDArray[np.uint8], least: float) -> Array:
    """Areas, largest first, of the 8-connected pieces of at least ``least`` pixels."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1].astype(float)
    return np.asarray(areas[areas >= least])


def _holes(mask: npt.NDArray[np.uint8], least: float) -> Array:
    empty = np.pad(1 - mask, 1, constant_values=1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(empty, connectivity=4)
    areas = np.delete(stats[:, cv2.CC_STAT_AREA], [0, labels[0, 0]]).astype(float)
    return np.asarray(areas[areas >= least])


def compare_frame(seen: Bools, true: Bools) -> dict[str, float]:
    """Errors of one mask (H, W); see :func:`compare`."""
    first, last, left, right = extent(seen | true)
    window = slice(max(first - 1, 0), last + 1), slice(max(left - 1, 0), right + 1)
    seen, true = seen[window], true[window]
    top, bottom, *_ = ends = extent(true)
    tall, area = float(bottom - top), float(true.sum())
    one, two = seen.astype(np.uint8), true.astype(np.uint8)
    shared = seen & true
    out = {
        "iou": float(shared.sum()) / float((seen | true).sum()),
        "area": float(seen.sum()) / area - 1.0,
    }
    offsets = (_signed(two)[_outline(one)] + 0.5) / tall
    back = np.abs(_signed(one)[_outline(two)] + 0.5) / tall
    out["offset"] = float(offsets.mean())
    out["ragged"] = float(offsets.std())
    out["chamfer"] = float(np.abs(offsets).mean() + back.mean()) / 2.0
    for name, (low, high) in BANDS.items():
        band = slice(top + round(low * tall), top + round(high * tall))
        own, found = true[band].sum(), seen[band].sum()
        out[f"recall_{name}"] = float(shared[band].sum() / own) if own else np.nan
        out[f"precision_{name}"] = float(shared[band].sum() / found) if found else np.nan
    holes = _holes(one, LEAST_SPOT * area).sum() - _holes(two, LEAST_SPOT * area).sum()
    out["holes"] = max(float(holes), 0.0) / area
    out["pieces"] = float(len(_spots(one, LEAST_SPOT * area)))
    for name, ours, theirs, way in zip(EDGES, extent(seen), ends, (-1, 1, -1, 1), strict=True):
        out[f"edge_{name}"] = way * (ours - theirs) / tall
    return out


def compare(sequence: Sequence) -> dict[str, Array]:
    """Errors of every frame of a sequence, (T,) each, NaN where the walker was not found.

    ``iou``; ``area`` relative error; ``offset`` mean and ``ragged`` sd of the signed distance of
    the seen outline from the true one (positive outside), ``chamfer`` mean distance between the
    outlines both ways, all / height; ``recall_*`` and ``precision_*`` of the bands; ``holes`` area
    beyond the truth's own / true area; ``pieces``; ``edge_*`` how far each end of the seen mask
    lies outside the true one, / height.
    """
    rows = [
        compare_frame(seen, true) if found and seen.any() else {}
        for seen, true, found in zip(sequence.seen, sequence.true, sequence.found, strict=True)
    ]
    names = compare_frame(sequence.true[0], sequence.true[0])
    return {n: np.array([r.get(n, np.nan) for r in rows]) for n in names}


def _spread(series: list[Array]) -> tuple[float, float, float, float]:
    """Mean, sd between and within sequences, and lag-1 correlation within, of (T,) series."""
    series = [s for s in series if np.isfinite(s).any()]
    if not series:
        return np.nan, np.nan, np.nan, np.nan
    whole = np.concatenate(series)
    centred = [s - np.nanmean(s) for s in series]
    within = np.concatenate(centred)
    pairs = np.concatenate([np.stack([c[:-1], c[1:]]) for c in centred], axis=1)
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    power = float(np.nanmean(within**2))
    lag = float((pairs[0] * pairs[1]).mean() / power) if power > 0 and pairs.size else np.nan
    between = float(np.std([np.nanmean(s) for s in series]))
    return float(np.nanmean(whole)), between, float(np.sqrt(power)), lag


#: Statistics whose spread and memory are reported besides the mean.
SPREAD = ("iou", "area", "offset", *(f"edge_{n}" for n in EDGES))


def summary(measured: list[dict[str, Array]], missed: Array) -> dict[str, float]:
    """Condense :func:`compare` of many sequences; ``missed`` (S,) is each one's share of misses.

    Means over frames under the names of :func:`compare`; for those in ``SPREAD`` also the sd
    ``between`` sequences and ``within`` them and the ``lag1`` correlation from frame to frame;
    ``hole_rate`` and ``split_rate`` shares of frames with a hole or more than one piece;
    ``missed`` share of frames.
    """
    if not measured:
        raise ValueError("no sequences to summarise")
    out: dict[str, float] = {}
    for name in measured[0]:
        mean, between, within, lag = _spread([m[name] for m in measured])
        out[name] = mean
        if name in SPREAD:
            out |= {f"{name}_between": between, f"{name}_within": within, f"{name}_lag1": lag}
    holes = np.concatenate([m["holes"] for m in measured])
    pieces = np.concatenate([m["pieces"] for m in measured])
    out["hole_rate"] = float((holes[np.isfinite(holes)] > 0).mean())
    out["split_rate"] = float((pieces[np.isfinite(pieces)] > 1).mean())
    out["missed"] = float(missed.mean())
    return out
