"""Labelled photographs: reading polygon labels, packing them, and instance id maps.

An instance id map is a (H, W) uint8 image: 0 background, 1..K the person a pixel belongs to (the
visible one).
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

COMPLETE_SOURCES = frozenset({"coco"})
"""Sources in which every person is labelled; in the others people in the background are not."""


@dataclass(frozen=True)
class Photo:
    """One photograph with its people."""

    name: str
    image: Image
    """(H, W, 3) RGB."""
    polygons: list[NDArray[np.float32]]
    """One (P, 2) outline per person, in pixels."""
    complete: bool
    """Whether every person in it is labelled."""

    def id_map(self) -> Image:
        """(H, W) instance ids; smaller people are painted over larger ones."""
        ids = np.zeros(self.image.shape[:2], np.uint8)
        order = sorted(self.polygons, key=lambda p: -float(np.prod(np.ptp(p, axis=0))))
        for index, polygon in enumerate(order[:255], start=1):
            cv2.fillPoly(ids, [np.rint(polygon).astype(np.int32)], index)
        return ids

    def masks(self) -> NDArray[np.bool_]:
        """(K, H, W) full masks in label order; they may overlap."""
        out = np.zeros((len(self.polygons), *self.image.shape[:2]), np.uint8)
        for plane, polygon in zip(out, self.polygons, strict=True):
            cv2.fillPoly(plane, [np.rint(polygon).astype(np.int32)], 1)
        return out.astype(bool)


def parse_labels(text: str, width: int, height: int) -> list[NDArray[np.float32]]:
    """Outlines in pixels from lines `class x1 y1 x2 y2 …` with coordinates in 0..1."""
    polygons = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 7 or len(fields) % 2 == 0:
            raise ValueError(
                f"label line {number}: {len(fields)} fields are no class and 3 or more points"
            )
        points = np.asarray(fields[1:], np.float32).reshape(-1, 2)
        polygons.append(points * np.array([width, height], np.float32))
    return polygons


def decode_image(data: bytes) -> Image:
    """RGB pixels of an encoded image."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("not an image OpenCV can read")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_archive(
    path: Path, complete: dict[str, bool] | None = None, limit: int | None = None
) -> Iterator[Photo]:
    """Photos of a tar with `images/NAME.*` and `labels/NAME.txt`, and, once packed, `complete.csv`.

    Args:
        path: the archive.
        complete: by NAME, whether all people are labelled; default what the archive says, else
            True.
        limit: stop after this many photos.
    """
    with tarfile.open(path) as tar:
        files = {m.name.removeprefix("./"): m for m in tar.getmembers() if m.isfile()}

        def read(name: str) -> bytes:
            handle = tar.extractfile(files[name])
            if handle is None:
                raise ValueError(f"{path.name}: {name} cannot be read")
            return handle.read()

        if complete is None and "complete.csv" in files:
            rows = csv.DictReader(io.StringIO(read("complete.csv").decode()))
            complete = {row["file"]: row["complete"] == "1" for row in rows}
        names = sorted(n for n in files if n.startswith("images/"))
        for name in names[:limit]:
            stem = Path(name).stem
            image = decode_image(read(name))
            height, width = image.shape[:2]
            polygons = parse_labels(read(f"labels/{stem}.txt").decode(), width, height)
            yield Photo(stem, image, polygons, (complete or {}).get(stem, True))


def read_sources(path: Path) -> dict[str, bool]:
    """By file stem, whether its source labels every person (from `images.csv`)."""
    with path.open(newline="") as handle:
        return {row["file"]: row["source"] in COMPLETE_SOURCES for row in csv.DictReader(handle)}


def pack(
    source: Path, sources_csv: Path, destination: Path, long_side: int = 640, quality: int = 80
) -> int:
    """Re-encode an archive (WebP) and add a `complete.csv`; the number of photographs."""
    complete = read_sources(sources_csv)
    count = 0
    with tarfile.open(destination, "w") as tar:

        def add(name: str, data: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

        rows = ["file,complete"]
        for photo in read_archive(source, complete):
            height, width = photo.image.shape[:2]
            scale = min(1.0, long_side / max(height, width))
            size = (round(width * scale), round(height * scale))
            small = (
                cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA)
                if scale < 1
                else photo.image
            )
            bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
            add(
                f"images/{photo.name}.webp",
                cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes(),
            )
            lines = []
            for polygon in photo.polygons:
                points = (polygon / np.array([width, height], np.float32)).reshape(-1)
                lines.append("0 " + " ".join(f"{v:.5f}" for v in points))
            add(f"labels/{photo.name}.txt", "\n".join(lines).encode())
            rows.append(f"{photo.name},{int(photo.complete)}")
            count += 1
        add("complete.csv", "\n".join(rows).encode())
    return count
