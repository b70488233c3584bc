"""What takes a GPU's time, in two kernels: where vertices are seen, and what faces cover.

They compute what :func:`..path.bend`, :func:`..camera.project` and :func:`.coverage.cover` do, to
the rounding of single numbers.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .coverage import EDGE

_VERTICES, _FACES = 256, 128


def film(walked: torch.Tensor, view: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Pixels (N, V, 2) of a walk's vertices (N, V, 3).

    ``view``: x, y, heading, curvature of the path, then focal length, height, pitch, and column and
    row of the centre of the camera, (N,) each.
    """
    count, vertices, _ = walked.shape
    out = torch.empty((count, 2, vertices), device=walked.device)
    table = torch.stack(view, 1).contiguous()
    grid = (triton.cdiv(vertices, _VERTICES), count)
    _film[grid](walked, *walked.stride(), table, out, vertices, _VERTICES)
    return out.transpose(1, 2)


def cover(
    pixels: torch.Tensor, faces: torch.Tensor, low: torch.Tensor, rows: int, columns: int
) -> torch.Tensor:
    """Masks (N, rows, columns) uint8 of 0 and 1 of one mesh in N poses.

    Args:
        pixels: (N, V, 2) column and row.
        faces: (F, 3) int32, counter-clockwise from outside in a y-up view.
        low: (N, 2) column and row at which the masks begin.
        rows: Of the masks.
        columns: Of the masks.
    """
    out = torch.zeros((len(pixels), rows, columns), dtype=torch.uint8, device=pixels.device)
    grid = (triton.cdiv(len(faces), _FACES), len(pixels))
    size = (len(faces), rows, columns)
    faces, low = faces.contiguous(), low.contiguous()
    _cover[grid](pixels, *pixels.stride(), faces, low, out, *size, EDGE, _FACES)
    return out


@triton.jit
def _film(walked, by_frame, by_vertex, by_axis, view, out, vertices, BLOCK: tl.constexpr):
    frame = tl.program_id(1).to(tl.int64)
    own = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    some = own < vertices
    at = walked + frame * by_frame + own * by_vertex
    side = tl.load(at, some, 0.0)
    along = -tl.load(at + by_axis, some, 0.0)
    up = tl.load(at + 2 * by_axis, some, 0.0)
    place = view + 9 * frame
    heading, turn = tl.load(place + 2), tl.load(place + 3) * along
    half = turn / 2.0
    straight = tl.abs(half) < 1e-4
    chord = along * tl.where(straight, 1.0, tl.sin(half) / tl.where(straight, 1.0, half))
    middle, end = heading + half, heading + turn
    east = tl.load(place) + chord * tl.sin(middle) + side * tl.cos(end)
    north = tl.load(place + 1) - chord * tl.cos(middle) + side * tl.sin(end)
    focal, z, pitch = tl.load(place + 4), up - tl.load(place + 5), tl.load(place + 6)
    c, s = tl.cos(pitch), tl.sin(pitch)
    depth = tl.maximum(c * north - s * z, 1e-3)
    column = tl.load(place + 7) + focal * east / depth
    row = tl.load(place + 8) - focal * (s * north + c * z) / depth
    to = out + 2 * frame * vertices + own
    tl.store(to, column, some)
    tl.store(to + vertices, row, some)


@triton.jit
def _cover(
    pixels,
    by_frame,
    by_vertex,
    by_axis,
    faces,
    low,
    out,
    count,
    rows,
    columns,
    EDGE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    frame = tl.program_id(1).to(tl.int64)
    own = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    some = own < count
    corner = faces + 3 * own
    at = pixels + frame * by_frame
    left, top = tl.load(low + 2 * frame), tl.load(low + 2 * frame + 1)
    a = at + tl.load(corner, some, 0) * by_vertex
    b = at + tl.load(corner + 1, some, 0) * by_vertex
    c = at + tl.load(corner + 2, some, 0) * by_vertex
    ax, ay = tl.load(a) - left, tl.load(a + by_axis) - top
    bx, by = tl.load(b) - left, tl.load(b + by_axis) - top
    cx, cy = tl.load(c) - left, tl.load(c + by_axis) - top
    front = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) < 0
    x0 = tl.ceil(tl.minimum(tl.minimum(ax, bx), cx) - 0.5)
    y0 = tl.ceil(tl.minimum(tl.minimum(ay, by), cy) - 0.5)
    x1 = tl.floor(tl.maximum(tl.maximum(ax, bx), cx) - 0.5)
    y1 = tl.floor(tl.maximum(tl.maximum(ay, by), cy) - 0.5)
    near = (x1 >= x0) & (y1 >= y0) & (x1 >= 0) & (y1 >= 0) & (x0 < columns) & (y0 < rows)
    some = some & front & near
    wide = tl.where(some, x1 - x0 + 1, 0.0).to(tl.int32)
    tall = tl.where(some, y1 - y0 + 1, 0.0).to(tl.int32)
    column, row = x0.to(tl.int32), y0.to(tl.int32)
    ax, ay = ax - (x0 + 0.5), ay - (y0 + 0.5)
    bx, by = bx - (x0 + 0.5), by - (y0 + 0.5)
    cx, cy = cx - (x0 + 0.5), cy - (y0 + 0.5)
    to = out + frame * rows * columns
    for dy in range(0, tl.max(tall)):
        for dx in range(0, tl.max(wide)):
            one = (cy - by) * (dx - bx) + (bx - cx) * (dy - by)
            two = (ay - cy) * (dx - cx) + (cx - ax) * (dy - cy)
            three = (by - ay) * (dx - ax) + (ax - bx) * (dy - ay)
            inside = tl.minimum(tl.minimum(one, two), three) >= -EDGE
            x, y = column + dx, row + dy
            kept = some & inside & (dx < wide) & (dy < tall)
            kept = kept & (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
            tl.store(to + y * columns + x, 1, kept)
