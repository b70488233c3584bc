"""Drawing what is known on the picture."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from rt_gait.reasons import Reason, Rejection
from rt_gait.types import Detections, FrameResult, Identity, IdentityState, Track, UInt8Array

_COLOURS_BGR = {
    IdentityState.KNOWN: (96, 200, 64),
    IdentityState.CANDIDATE: (32, 176, 255),
    IdentityState.UNKNOWN: (214, 148, 92),
    IdentityState.INSUFFICIENT: (176, 176, 176),
}
_INK_BGR = (24, 24, 24)
_PAPER_BGR = (250, 250, 250)
_TINT = 0.42
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHY = {
    Rejection.CUT_BY_FRAME: "at the edge",
    Rejection.TOO_SMALL: "too small",
    Rejection.MERGED: "overlapped",
    Rejection.FRAGMENTED: "outline broken",
    Rejection.LOW_SCORE: "unclear",
}


def draw(result: FrameResult, names: Mapping[str, str], *, outlines: bool = True) -> UInt8Array:
    """Draw people, their outlines and who they are.

    Args:
        result: One frame.
        names: Subject id to the name to show.
        outlines: Tint people within their outlines.

    Returns:
        A new picture [H, W, 3] uint8.
    """
    image: UInt8Array = result.frame.image_bgr.copy()
    seen = [t for t in result.tracks if t.detection is not None]
    seen.sort(key=lambda t: (float(t.box_xyxy_px[3]), t.track_id))  # the nearest drawn last
    for track in seen if outlines else ():
        _tint(image, track, result.detections, _colour(result.identities[track.track_id]))
    size = _text_scale(image)
    for track in seen:
        identity = result.identities[track.track_id]
        x1, y1, x2, y2 = np.round(track.box_xyxy_px).astype(int).tolist()
        line = max(round(2 * size / 0.5), 1)
        cv2.rectangle(image, (x1, y1), (x2, y2), _colour(identity), line, cv2.LINE_AA)
    for track in seen:
        identity = result.identities[track.track_id]
        number = result.numbers.get(track.track_id, track.track_id)
        lines = [_headline(number, identity, names)]
        why = _why_not(identity, result.rejections.get(track.track_id))
        if why:
            lines.append(why)
        _label(image, track.box_xyxy_px, lines, _colour(identity), size)
    _status(image, result, seen, size)
    return image


def _colour(identity: Identity) -> tuple[int, int, int]:
    return _COLOURS_BGR[identity.state]


def _text_scale(image: UInt8Array) -> float:
    return float(np.clip(image.shape[0] / 1200, 0.38, 1.2))


def _headline(number: int, identity: Identity, names: Mapping[str, str]) -> str:
    name = names.get(identity.subject_id or "", identity.subject_id or "")
    sure = "" if identity.probability is None else f"  {_percent(identity.probability)}"
    if identity.state is IdentityState.KNOWN:
        return f"{number}  {name}  {identity.score:.2f}{sure}"
    if identity.state is IdentityState.CANDIDATE:
        return f"{number}  {name}?  {identity.score:.2f}{sure}"
    if identity.state is IdentityState.UNKNOWN:
        score = "" if identity.score is None else f"  {identity.score:.2f}"
        return f"{number}  unknown{score}"
    return f"{number}  ..."


def _percent(probability: float) -> str:
    """Return a probability as it may be shown: nobody is ever certain."""
    return f"{min(max(round(100 * probability), 1), 99)}%"


def _why_not(identity: Identity, rejection: Rejection | None) -> str:
    """Say why nothing can be said of a person yet."""
    if identity.state is not IdentityState.INSUFFICIENT:
        return ""
    if rejection is not None:
        return _WHY[rejection]
    return "not walking" if identity.reason is Reason.NOT_WALKING else "watching"


def _tint(
    image: UInt8Array, track: Track, detections: Detections, colour: tuple[int, int, int]
) -> None:
    mask = detections.masks[track.detection or 0]
    h, w = mask.pixels.shape
    part = image[mask.y_px : mask.y_px + h, mask.x_px : mask.x_px + w]
    mixed = cv2.addWeighted(part, 1 - _TINT, np.full_like(part, colour), _TINT, 0)
    np.copyto(part, mixed, where=mask.pixels[..., None])


def _label(
    image: UInt8Array,
    box: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    lines: list[str],
    colour: tuple[int, int, int],
    size: float,
) -> None:
    """Put a filled label above a box, or inside it where there is no room above."""
    pad = max(round(8 * size), 3)
    sizes = [cv2.getTextSize(text, _FONT, size, 1)[0] for text in lines]
    row = max(h for _, h in sizes) + pad
    width, height = max(w for w, _ in sizes) + 2 * pad, row * len(lines) + pad
    x = int(np.clip(round(float(box[0])), 0, max(image.shape[1] - width, 0)))
    top = round(float(box[1])) - height
    y = top if top >= 0 else round(float(box[1]))
    cv2.rectangle(image, (x, y), (x + width, y + height), colour, cv2.FILLED)
    for i, text in enumerate(lines):
        at = (x + pad, y + row * (i + 1))
        cv2.putText(image, text, at, _FONT, size, _INK_BGR, 1, cv2.LINE_AA)


def _status(image: UInt8Array, result: FrameResult, seen: list[Track], size: float) -> None:
    """Write time and head count in the top left corner."""
    minutes, seconds = divmod(result.frame.time_secs, 60)
    states = [result.identities[t.track_id].state for t in seen]
    known = states.count(IdentityState.KNOWN)
    text = f"{int(minutes):02d}:{seconds:04.1f}   people {len(seen)}   known {known}"
    pad = max(round(8 * size), 3)
    (width, height), _ = cv2.getTextSize(text, _FONT, size, 1)
    strip = image[: height + 3 * pad, : width + 4 * pad]
    strip[:] = (strip * 0.35).astype(np.uint8)
    at = (2 * pad, height + pad + pad // 2)
    cv2.putText(image, text, at, _FONT, size, _PAPER_BGR, 1, cv2.LINE_AA)
