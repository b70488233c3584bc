"""A world for the tests of networks: a few people, blobs of a shape of their own, tiny networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from rt_gait.training.nets.recipe import Recipe
from rt_gait.training.nets.train import Trainer

TINY = {
    "gait2d": (8, 8, 8, 16, 16, 32, 32),
    "gait3d": (8, 8, 8, 16, 16, 16, 16, 32, 32, 16, 32),
}
SUBJECTS, SESSIONS, VIEWS, FRAMES = 6, 2, 2, 20


def blob(subject: int, phase: float, random: np.random.Generator) -> np.ndarray:
    """One silhouette (64, 44) uint8: an ellipse as wide as the subject, legs that swing."""
    y, x = np.mgrid[0:64, 0:44]
    wide, waist = 6 + subject * 1.5, 20 + 2 * subject
    body = ((x - 22) / wide) ** 2 + ((y - waist) / 22) ** 2 < 1
    swing = 6 * np.sin(phase)
    leg = (y > 36) & ((abs(x - 22 - swing) < 3) | (abs(x - 22 + swing) < 3))
    noise = random.random((64, 44)) < 0.01
    return ((body | leg) ^ noise).astype(np.uint8) * 255


def write_set(folder: Path, seed: int = 0) -> Path:
    """A data set folder as ``walkers make`` writes it, splits train and validation."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    rows = ["shard,index,split,subject,session,trial,view_deg,fps,frames"]
    for split in ("train", "validation"):
        pictures, start, index = [], [0], 0
        for subject in range(SUBJECTS):
            for session in range(SESSIONS):
                for view in range(VIEWS):
                    phases = random.random() * 6 + np.arange(FRAMES) * 0.5
                    pictures += [blob(subject, p, random) for p in phases]
                    start.append(len(pictures))
                    rows.append(
                        f"{split}-0000.npz,{index},{split},{split}-{subject},s{session},0,"
                        f"{90 * view},{25 if view else 12.5},{FRAMES}"
                    )
                    index += 1
        np.savez_compressed(
            folder / f"{split}-0000.npz",
            silhouettes=np.stack(pictures),
            start=np.array(start, np.int64),
        )
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    (folder / "dataset.json").write_text(json.dumps({"layout": 1}))
    return folder


def windows(count: int, frames: int = 30, seed: int = 0) -> torch.Tensor:
    """Windows (N, T, 64, 44) uint8 of soft black and white."""
    random = torch.Generator().manual_seed(seed)
    smooth = torch.rand(count, frames, 8, 6, generator=random)
    large = torch.nn.functional.interpolate(smooth, size=(64, 44), mode="bilinear")
    return ((large > 0.5) * 255).byte()


def network(name: str, recipe: Recipe | None = None) -> torch.nn.Module:
    """Tiny, with batch norms that have seen data."""
    net = (recipe or Recipe(name, widths=TINY[name])).build()
    for layer in net.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = None  # the mean over all
    with torch.no_grad():
        for k in range(4):
            net.train()(windows(8, seed=k))
    return net.eval()


def write_checkpoint(path: Path, recipe: Recipe) -> Path:
    """A checkpoint of such a network, as ``train`` writes it."""
    trainer = Trainer.of(recipe, SUBJECTS, "cpu", network(recipe.network, recipe))
    trainer.data = "walkers 0123abcd, 6 subjects"
    path.parent.mkdir(parents=True, exist_ok=True)
    trainer.save(path)
    return path
