"""A quick measure during training: rank-1 from one sequence to the others of other sessions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .batches import Windows

STEPS = 30


def embed(
    network: nn.Module,
    windows: Windows,
    chosen: Tensor,
    of: Callable[[Tensor], Tensor] | None = None,
    size: int = 256,
) -> Tensor:
    """What the network, or its method ``of``, makes of the first windows of ``chosen`` (N,)."""
    of = of or network
    training = network.training
    network.eval()
    out = []
    device = windows.pictures.device
    for part in chosen.split(size):
        zero, one = torch.zeros(len(part), device=device), torch.ones(len(part), device=device)
        pictures = windows.pictures[windows.index(part, zero, STEPS, one)]
        half = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
        with torch.no_grad(), half:
            out.append(of(pictures).float())
    network.train(training)
    return torch.cat(out)


def rank1(network: nn.Module, windows: Windows) -> float:
    """Share of sequences whose closest is of the same subject: gallery the first half of each.

    Sequences of a subject come session after session, so the halves hold different sessions.
    """
    own = windows.own
    half = own.shape[1] // 2
    gallery, probes = (embed(network, windows, o.flatten()) for o in (own[:, :half], own[:, half:]))
    best = (probes @ gallery.T).argmax(dim=1) // half
    wanted = torch.arange(len(own), device=best.device).repeat_interleave(own.shape[1] - half)
    return float((best == wanted).float().mean())
