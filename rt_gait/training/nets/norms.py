"""Batch norms measured anew, on windows as they are in use."""

from __future__ import annotations

import torch
from torch import nn

from .batches import Windows
from .rank import STEPS


def settle(
    network: nn.Module, windows: Windows, *, seed: int, people: int, each: int, batches: int
) -> None:
    """Set the means and variances of a network's batch norms to those of whole windows.

    Training saw fewer frames, augmented, and kept running means of changing weights; a network
    that was never trained has none. After Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021
    (precise batch norm). The network is left in training mode.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    device = windows.pictures.device
    random = torch.Generator(device).manual_seed(seed)
    half = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    network.train()
    with torch.no_grad(), half:
        for _ in range(batches):
            network(windows.draw(random, people, each, STEPS)[0])
    for norm, before in zip(norms, momentum, strict=True):
        norm.momentum = before
