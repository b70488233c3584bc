"""What of a walk a silhouette needs: small enough to be sent to another process.

A :class:`Puppet` is the mesh of a figure, the few bones that move each vertex, and one affine
transform for every bone and frame of a loop, which any number of cameras then sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Puppet:
    """A looping walk of one mesh along -y.

    ``rest`` (V, 3) float32 metres; ``faces`` (F, 3) int32 counter-clockwise from outside, of which
    ``person`` (F,) count as the person. Vertex v moves with ``bones[v]`` (K,) by ``weights[v]``
    (K,), which sum to 1. ``transforms`` (T + 1, J, 3, 4) float32 take rest positions to the walk's
    own ground frame, metres; the last is the first one a ``stride`` (3,) further on, ``period_s``
    seconds later.
    """

    rest: Floats
    faces: npt.NDArray[np.int32]
    person: npt.NDArray[np.bool_]
    bones: npt.NDArray[np.int16]
    weights: Floats
    transforms: Floats
    period_s: float
    stride: Array

    def vertices(self, times: torch.Tensor) -> torch.Tensor:
        """Positions (N, V, 3) float32 in the walk's ground frame at ``times`` (N,) seconds.

        Travel since time 0 is kept: y falls by the stride at every loop. Feet are planted on bare
        soles; where a shoe's edge would sink into the ground it is pressed flat.
        """
        posed = self.skin(self._affine(times))
        posed[..., 2].clamp_(min=0.0)
        return posed

    def skin(self, affine: torch.Tensor) -> torch.Tensor:
        """Posed vertices (N, V, 3) under the bones' transforms (N, J, 3, 4).

        Weights and rest positions make one matrix (V, 4 J), which is sparse. Processors take it as
        it is; on a GPU the dense product is faster, and comes out as (N, 3, V) in memory.
        """
        import torch

        if affine.device.type == "cpu":
            moves = affine.permute(1, 3, 0, 2).flatten(2).flatten(0, 1)
            posed = torch.from_numpy(_sparse(self) @ moves.contiguous().numpy())
            return posed.view(len(self.rest), len(affine), 3).transpose(0, 1)
        moves = affine.transpose(1, 2).reshape(3 * len(affine), -1)
        posed = moves @ _dense(self, str(affine.device)).T
        return posed.view(len(affine), 3, len(self.rest)).transpose(1, 2)

    def _affine(self, times: torch.Tensor) -> torch.Tensor:
        """Transforms (N, J, 3, 4) at ``times`` (N,)."""
        import torch

        device, count = times.device, len(self.transforms) - 1
        table = torch.from_numpy(self.transforms).to(device)
        turns = times.double() / self.period_s
        loops = torch.floor(turns)
        phase = (turns - loops) * count
        low = phase.long().clamp_(max=count - 1)
        share = (phase - low).float()[:, None, None, None]
        affine = table[low] * (1 - share) + table[low + 1] * share
        travel = loops[:, None] * torch.from_numpy(self.stride).to(device)
        affine[..., 3] += travel.float()[:, None]
        return affine


def few(weights: Floats) -> tuple[npt.NDArray[np.int16], Floats]:
    """The bones (V, K) that move each vertex and their weights, of ``weights`` (V, J)."""
    most = int((weights != 0).sum(axis=1).max())
    bones = np.argsort(-weights, axis=1, kind="stable")[:, :most]
    return bones.astype(np.int16), np.take_along_axis(weights, bones, axis=1)


@lru_cache(maxsize=8)
def _sparse(puppet: Puppet) -> Any:
    """(V, 4 J) for processors."""
    from scipy import sparse

    rest = np.pad(puppet.rest, ((0, 0), (0, 1)), constant_values=1.0)
    values = puppet.weights[:, :, None] * rest[:, None]
    columns = 4 * puppet.bones.astype(np.int32)[:, :, None] + np.arange(4, dtype=np.int32)
    ends = np.arange(len(rest) + 1) * (4 * puppet.bones.shape[1])
    width = 4 * puppet.transforms.shape[1]
    out = sparse.csr_matrix((values.ravel(), columns.ravel(), ends), shape=(len(rest), width))
    out.eliminate_zeros()
    return out


@lru_cache(maxsize=8)
def _dense(puppet: Puppet, device: str) -> torch.Tensor:
    """(V, 4 J) on a GPU."""
    import torch

    rest = torch.from_numpy(puppet.rest).to(device)
    weights = torch.zeros(len(rest), puppet.transforms.shape[1], device=device)
    bones = torch.from_numpy(puppet.bones).to(device).long()
    weights.scatter_(1, bones, torch.from_numpy(puppet.weights).to(device))
    ones = torch.ones(len(rest), 1, device=device)
    return (weights[:, :, None] * torch.cat([rest, ones], 1)[:, None]).flatten(1)
