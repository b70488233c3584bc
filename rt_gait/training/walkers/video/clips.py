"""Clips with their truth: video, boxes, masks and who came and went, for scenes drawn at random."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError
from rt_gait.outputs.output import check_file

from ..command import whole
from .company import Person, draw_walkers
from .scene import Scene, Truth, Walker
from .staging import draw_stage

#: Constant rate factor of the encoder.
CRF = 21

Records = list[list[dict[str, Any]]]


def encode(
    path: Path, frames: Iterator[npt.NDArray[np.uint8]], size: tuple[int, int], fps: int
) -> None:
    """Write H.264 (yuv420p, index first) of RGB frames (H, W, 3)."""
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(CRF), "preset": "slow", "threads": "1"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def truth_record(truth: list[Truth]) -> list[dict[str, Any]]:
    """What the truth file says about one frame."""
    return [
        {
            "id": t.ident,
            "name": t.name,
            "box_xyxy_px": [round(v, 1) for v in t.box],
            "visible": round(t.visible, 2),
            "cut": t.cut,
        }
        for t in truth
    ]


def record(
    scene: Scene, seconds: float, fps: int, path: Path, *, seed: int, masks: Path | None = None
) -> Records:
    """Render a scene to the clip ``path``; the truth of each frame.

    ``masks`` names a file (npz) for the visible masks: ``truth`` is the records as JSON, ``fps``
    the clip's rate, and ``FRAME_ID`` the packed bits of one walker's mask, row by row; frames count
    from 0.
    """
    records: Records = []
    packed: dict[str, Any] = {}

    def pictures() -> Iterator[npt.NDArray[np.uint8]]:
        for k, (frame, truth) in enumerate(scene.frames(seconds, fps, seed)):
            records.append(truth_record(truth))
            if masks:
                packed.update({f"{k}_{t.ident}": np.packbits(t.mask) for t in truth})
            yield frame

    encode(path, pictures(), (scene.camera.width_px, scene.camera.tall_px), fps)
    if masks:
        np.savez_compressed(masks, truth=json.dumps(records), fps=fps, **packed)
    return records


def mot_lines(records: Records) -> str:
    """MOTChallenge ground truth: frame, id, left, top, width, height, 1, class 1, visibility.

    Frames and ids count from 1.
    """
    lines = []
    for k, walkers in enumerate(records):
        for w in walkers:
            x1, y1, x2, y2 = w["box_xyxy_px"]
            box = f"{x1:.1f},{y1:.1f},{x2 - x1:.1f},{y2 - y1:.1f}"
            lines.append(f"{k + 1},{w['id']},{box},1,1,{w['visible']:.2f}\n")
    return "".join(lines)


def event_lines(records: Records, fps: int) -> str:
    """One JSON object a line for everybody who enters or leaves the picture, in order.

    ``frame`` counts from 0: the first and the last frame in which the walker is.
    """
    events = []
    idents = {w["id"] for walkers in records for w in walkers}
    for ident in sorted(idents):
        mine = [(k, w) for k, walkers in enumerate(records) for w in walkers if w["id"] == ident]
        for what, (frame, w) in (("entered", mine[0]), ("left", mine[-1])):
            if what == "left" and frame == len(records) - 1:
                continue
            events.append(
                {
                    "type": f"walker.{what}",
                    "frame": frame,
                    "time_secs": round(frame / fps, 6),
                    "id": ident,
                    "name": w["name"],
                    "box_xyxy_px": w["box_xyxy_px"],
                }
            )
    events.sort(key=lambda e: (e["frame"], e["type"], e["id"]))
    return "".join(json.dumps(e, separators=(",", ":")) + "\n" for e in events)


def describe(person: Person, walker: Walker) -> dict[str, Any]:
    """What the truth file says about one walker.

    ``view_deg`` is the direction of walking against the line of sight in the middle of the walk: 0
    towards the camera, 90 to the right of the picture, 180 away.
    """
    middle = person.speed * (walker.end - walker.start) / 2.0
    place, heading = walker.path.at(middle)
    view = np.degrees(heading + np.arctan2(place[0], place[1])) % 360.0
    return {
        "id": walker.ident,
        "name": walker.name,
        "subject": person.subject,
        "sex": person.body.sex,
        "stature_m": round(person.body.stature, 3),
        "session": person.session.seed,
        "clothing": person.session.clothing,
        "carrying": person.session.carrying,
        "shoes": person.session.shoes,
        "head": person.session.head,
        "speed_m_s": round(person.speed, 3),
        "view_deg": round(float(view), 1),
        "curvature_per_m": round(walker.path.curvature, 4),
    }


def make_clip(
    out: Path,
    count: int,
    seconds: float,
    *,
    seed: int = 1,
    fps: int = 25,
    size: tuple[int, int] = (960, 540),
    masks: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write the clip ``out`` of ``count`` walkers and its truth beside it; the paths written.

    The truth is described in :func:`record`, :func:`mot_lines`, :func:`event_lines` and
    :func:`describe`. Files get their names at the end, the clip first.

    Raises:
        UsageError: It cannot be made.
        OutputError: It cannot be written, or there is one already and ``overwrite`` is not set.
    """
    _check(out, count, seconds, fps, size)
    endings = ("gt.txt", "truth.json", "events.jsonl", "masks.npz")
    beside = [out.with_name(f"{out.stem}_{ending}") for ending in endings]
    for path in (out, *beside):
        check_file(path, overwrite=overwrite)
    stage = draw_stage(seed, size)
    cast = draw_walkers(seed, stage, count, seconds)
    rng = np.random.default_rng([seed, 15])
    scene = Scene(
        stage.camera,
        stage.light,
        stage.background,
        tuple(w for _, w in cast),
        stage.wall,
        exposure=float(rng.uniform(0.002, 0.016)),
        noise=float(rng.uniform(0.003, 0.015)),
    )
    paths = [out, *(beside if masks else beside[:-1])]
    with ExitStack() as files:
        # The last to enter is the first to get its name.
        video, boxes, truth, events, *held = reversed(
            [files.enter_context(whole(path)) for path in reversed(paths)]
        )
        records = record(scene, seconds, fps, video, seed=seed, masks=held[0] if held else None)
        camera = stage.camera
        document = {
            "fps": fps,
            "size_px": list(size),
            "seed": seed,
            "camera": {
                "height_m": round(camera.height_m, 3),
                "pitch_deg": round(float(np.degrees(camera.pitch)), 2),
                "focal_px": round(camera.focal_px, 1),
            },
            "walkers": [describe(p, w) for p, w in cast],
            "frames": records,
        }
        boxes.write_text(mot_lines(records))
        truth.write_text(json.dumps(document, separators=(",", ":")) + "\n")
        events.write_text(event_lines(records, fps))
    if not masks:
        beside[-1].unlink(missing_ok=True)
    return paths


def _check(out: Path, count: int, seconds: float, fps: int, size: tuple[int, int]) -> None:
    for wrong, what in (
        (count < 1, f"walkers must be 1 or more, not {count}"),
        (not 0.0 < seconds < 3600.0, f"seconds must be above 0 and below 3600, not {seconds:g}"),
        (not 1 <= fps <= 120, f"fps must be 1 to 120, not {fps}"),
        (min(size) < 32 or max(size) > 4096, f"size must be 32 to 4096 pixels, not {size}"),
        (any(v % 2 for v in size), f"width and height must be even, not {size}"),
        (out.suffix != ".mp4", f"out must end in .mp4: {out}"),
        (seconds * fps < 1, f"{seconds:g} s at {fps} frames a second is no frame"),
    ):
        if wrong:
            raise UsageError(what)
