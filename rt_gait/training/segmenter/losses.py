"""Losses for masks at box resolution, for boxes and for scores.

Assignment follows TOOD (Feng et al., ICCV 2021), boxes CIoU (Zheng et al., AAAI 2020) and the
distribution focal loss (Li et al., NeurIPS 2020), as YOLOv8 does; the mask loss is this project's:
at run time a silhouette is the bilinearly upsampled logit map inside the box, cut at 0, so that is
what is trained, on a fixed grid of points per box, which also makes a 60-pixel-tall person weigh as
much as a 400-pixel one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rt_gait.training.segmenter.network import BOX_BINS

GRID = (96, 48)
"""Points (rows, columns) on which a person's mask is compared."""


class Assignment(NamedTuple):
    """Which person each anchor answers for."""

    index: Tensor
    """(N, A) int64 person, -1 for none."""
    score: Tensor
    """(N, A) target score in 0..1, 0 for none."""


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of broadcastable boxes (…, 4) given by corners."""
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(
        min=0
    )
    both = size.prod(-1)
    areas = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(
        min=0
    ).prod(-1)
    return both / (areas - both + 1e-7)


@torch.no_grad()  # type: ignore[untyped-decorator]
def assign(
    scores: Tensor, boxes: Tensor, points: Tensor, people: Tensor, valid: Tensor, *, top: int = 10
) -> Assignment:
    """Give each person the `top` anchors inside its box by score^0.5 * IoU^6.

    Args:
        scores: (N, A) in 0..1.
        boxes: (N, A, 4) predicted corners.
        points: (A, 2) anchor centres.
        people: (N, K, 4) labelled corners, padded.
        valid: (N, K) which of them exist.
        top: anchors per person.
    """
    inside = (points > people[:, :, None, :2]).all(-1) & (points < people[:, :, None, 2:]).all(-1)
    inside &= valid[..., None]
    overlap = box_iou(boxes[:, None], people[:, :, None]) * inside
    metric = scores[:, None].clamp(min=1e-6).sqrt() * overlap.pow(6)
    best = metric.topk(min(top, metric.shape[-1]), -1)
    chosen = torch.zeros_like(inside).scatter(-1, best.indices, best.values > 1e-9)
    # an anchor claimed by several people goes to the one it overlaps most
    owner = (overlap * chosen).argmax(1)
    claimed = chosen.any(1)
    chosen &= F.one_hot(owner, people.shape[1]).bool().transpose(1, 2) & claimed[:, None]
    metric = metric * chosen
    scale = (overlap * chosen).amax(-1, keepdim=True) / (metric.amax(-1, keepdim=True) + 1e-9)
    return Assignment(torch.where(claimed, owner, -1), (metric * scale).amax(1))


def _ciou(a: Tensor, b: Tensor) -> Tensor:
    iou = box_iou(a, b)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    distance = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) ** 2).sum(-1) / 4
    size_a, size_b = (a[:, 2:] - a[:, :2]).clamp(min=1e-3), (b[:, 2:] - b[:, :2]).clamp(min=1e-3)
    shape = (
        4
        / torch.pi**2
        * (torch.atan(size_a[:, 0] / size_a[:, 1]) - torch.atan(size_b[:, 0] / size_b[:, 1])) ** 2
    )
    with torch.no_grad():
        weight = shape / (shape - iou + 1 + 1e-7)
    return iou - distance / ((hull**2).sum(-1) + 1e-7) - weight * shape


def box_losses(  # noqa: PLR0917 - they describe one batch
    box_logits: Tensor,
    boxes: Tensor,
    points: Tensor,
    strides: Tensor,
    people: Tensor,
    match: Assignment,
) -> tuple[Tensor, Tensor]:
    """CIoU and distribution focal loss over matched anchors, weighted by target score.

    `box_logits` is (N, 4, BOX_BINS, A), `boxes` (N, A, 4), `people` (N, K, 4).
    """
    image, anchor = torch.nonzero(match.index >= 0, as_tuple=True)
    weight = match.score[image, anchor]
    total = weight.sum().clamp(min=1)
    target = people[image, match.index[image, anchor]]
    ciou = ((1 - _ciou(boxes[image, anchor], target)) * weight).sum() / total
    corner = torch.cat([points[anchor] - target[:, :2], target[:, 2:] - points[anchor]], -1)
    distance = (corner / strides[anchor, None]).clamp(0, BOX_BINS - 1 - 0.01)
    low = distance.floor()
    logits = box_logits[image, :, :, anchor].float().log_softmax(-1)
    left = logits.gather(-1, low.long()[..., None])[..., 0] * (low + 1 - distance)
    right = logits.gather(-1, low.long()[..., None] + 1)[..., 0] * (distance - low)
    return ciou, -((left + right).mean(-1) * weight).sum() / total


def score_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy of (N, A) logits against soft targets, per unit of target mass."""
    loss = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="sum")
    return loss / target.sum().clamp(min=1)


def distillation_loss(box_logits: Tensor, teacher_logits: Tensor, teacher_scores: Tensor) -> Tensor:
    """Keep the box distributions, (N, 4, BOX_BINS, A), weighted by the teacher's scores."""
    weight = torch.where(teacher_scores > 0.05, teacher_scores, 0)
    target = teacher_logits.float().softmax(2)
    divergence = (
        (target * (target.clamp(min=1e-8).log() - box_logits.float().log_softmax(2))).sum(2).mean(1)
    )
    return (divergence * weight).sum() / weight.sum().clamp(min=1)


def box_grid(people: Tensor, height: int, width: int, jitter: bool) -> Tensor:
    """Sampling points (P, *GRID, 2) in -1..1 over each box (P, 4) grown by up to a tenth."""
    rows, cols = GRID
    y, x = torch.meshgrid(
        (torch.arange(rows, device=people.device) + 0.5) / rows,
        (torch.arange(cols, device=people.device) + 0.5) / cols,
        indexing="ij",
    )
    size = people[:, 2:] - people[:, :2]
    grow = 0.05 * size + 1
    origin, size = people[:, :2] - grow, size + 2 * grow
    unit = torch.stack([x, y], -1)[None].expand(len(people), -1, -1, -1)
    if jitter:
        unit = unit + (
            torch.rand(len(people), 1, 1, 2, device=people.device) - 0.5
        ) / unit.new_tensor([cols, rows])
    pixels = origin[:, None, None] + unit * size[:, None, None]
    return pixels / pixels.new_tensor([width, height]) * 2 - 1


def mask_loss(
    coefficients: Tensor,
    prototypes: Tensor,
    ids: Tensor,
    people: Tensor,
    match: Assignment,
    *,
    limit: int = 384,
    per_person: int = 3,
) -> tuple[Tensor, Tensor, Tensor]:
    """Boundary-weighted cross entropy and Dice of each matched mask, and the mean IoU.

    Args:
        coefficients: (N, C, A).
        prototypes: (N, C, h, w).
        ids: (N, H, W) instance ids; person k of an image has id k + 1.
        people: (N, K, 4) corners in pixels of (H, W).
        match: who answers for whom.
        limit: at most this many people per batch (a random choice).
        per_person: anchors per person, those of the highest target score.
    """
    people_max = people.shape[1]
    # (N, K, per_person): each person's best anchors
    mine = match.index[:, None] == torch.arange(people_max, device=ids.device)[None, :, None]
    best = (match.score[:, None] * mine).topk(per_person, -1)
    image, person = torch.nonzero(best.values[..., 0] > 0, as_tuple=True)
    if len(image) > limit:
        keep = torch.randperm(len(image), device=ids.device)[:limit]
        image, person = image[keep], person[keep]
    if not len(image):
        zero = prototypes.sum() * 0
        return zero, zero, zero
    grid = box_grid(people[image, person], ids.shape[1], ids.shape[2], jitter=True)
    # sample image by image in one call: the batch axis becomes depth (nearest between images)
    truth = _sample_ids(ids, image, grid) == (person + 1)[:, None, None]
    truth = truth.float()
    basis = _sample_prototypes(prototypes, image, grid)
    anchors = best.indices[image, person]
    wanted = best.values[image, person] > 0
    chosen = coefficients.float().transpose(1, 2)[image[:, None], anchors]  # (P, per_person, C)
    logits = torch.einsum("pkc,pcij->pkij", chosen, basis)
    target = truth[:, None].expand_as(logits)
    spread = F.max_pool2d(truth[:, None], 5, 1, 2) + F.max_pool2d(-truth[:, None], 5, 1, 2)
    weight = 1 + 3 * spread
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
    bce = bce.sum((2, 3)) / weight.sum((2, 3))
    chance = logits.sigmoid()
    dice = 1 - (2 * (chance * target).sum((2, 3)) + 1) / (
        chance.sum((2, 3)) + target.sum((2, 3)) + 1
    )
    with torch.no_grad():
        hit = logits > 0
        both, either = (hit & target.bool()).sum((2, 3)), (hit | target.bool()).sum((2, 3))
        iou = (both[wanted] / either[wanted].clamp(min=1)).mean()
    return bce[wanted].mean(), dice[wanted].mean(), iou


def _sample_ids(ids: Tensor, image: Tensor, grid: Tensor) -> Tensor:
    """(P, *GRID) ids at the nearest pixel; 0 outside the picture."""
    height, width = ids.shape[1:]
    x = ((grid[..., 0] + 1) / 2 * width).floor().long()
    y = ((grid[..., 1] + 1) / 2 * height).floor().long()
    found = ids[image[:, None, None], y.clamp(0, height - 1), x.clamp(0, width - 1)].long()
    return torch.where((x >= 0) & (x < width) & (y >= 0) & (y < height), found, 0)


def _sample_prototypes(prototypes: Tensor, image: Tensor, grid: Tensor) -> Tensor:
    """(P, C, *GRID) prototypes at points, bilinear, pixel centres as in an image resize."""
    return F.grid_sample(
        prototypes.float()[image], grid, padding_mode="border", align_corners=False
    )
