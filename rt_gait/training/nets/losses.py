"""Losses of gait networks: batch-all triplets and cross-entropy, each part by itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

MARGIN = 0.2
SCALE = 16.0
SMOOTHING = 0.1


def triplet(parts: Tensor, subjects: Tensor, margin: float = MARGIN) -> tuple[Tensor, Tensor]:
    """Batch-all triplet loss (Hermans et al., 2017) of every part, on unit vectors.

    Args:
        parts: (N, P, D), any length.
        subjects: (N,) whose each is.
        margin: By how much strangers are to be further than the subject's own, 0 to 2.

    Returns:
        The mean loss of the triplets that are not yet satisfied, and their share.
    """
    unit = functional.normalize(parts.float(), dim=2).transpose(0, 1)
    cosine = torch.bmm(unit, unit.transpose(1, 2))
    distance = (2.0 - 2.0 * cosine).clamp(min=1e-6).sqrt()
    same = subjects[:, None] == subjects[None, :]
    own = same & ~torch.eye(len(subjects), dtype=torch.bool, device=subjects.device)
    loss = _violations(distance, own, ~same, margin)
    active = loss > 0
    count = active.sum(dim=(1, 2, 3))
    by_part = loss.sum(dim=(1, 2, 3)) / count.clamp(min=1)
    return by_part.mean(), active.float().mean()


def _violations(distance: Tensor, own: Tensor, other: Tensor, margin: float) -> Tensor:
    """(P, N, K, M) for the K own and M strangers of each; all N have as many (P x K sampling)."""
    parts, count = distance.shape[:2]
    near = distance[:, own].view(parts, count, -1, 1)
    far = distance[:, other].view(parts, count, 1, -1)
    return functional.relu(near - far + margin)


class Classifier(nn.Module):
    """Which training subject: scaled cosines to one vector a subject and part; for training only.

    Wang et al., "NormFace", ACM Multimedia 2017.
    """

    def __init__(self, parts: int, size: int, subjects: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(parts, size, subjects) * size**-0.5)

    def forward(self, parts: Tensor) -> Tensor:
        """(N, P, D) to scaled cosines (N, P, subjects)."""
        unit = functional.normalize(parts, dim=2).transpose(0, 1)
        return SCALE * torch.bmm(unit, functional.normalize(self.weight, dim=1)).transpose(0, 1)


def cross_entropy(logits: Tensor, subjects: Tensor) -> Tensor:
    """Mean over parts of the smoothed cross-entropy of (N, P, subjects)."""
    wanted = subjects[:, None].expand(-1, logits.shape[1]).flatten()
    return functional.cross_entropy(logits.float().flatten(0, 1), wanted, label_smoothing=SMOOTHING)
