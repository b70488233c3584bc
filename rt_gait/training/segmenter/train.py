"""Three stages: masks alone on a frozen detector, everything gently, then the scores alone.

The second stage moves the shared features, so a frozen copy of the original detector sees every
scene: its boxes are kept by distillation, and its scores are the target wherever no label says
otherwise, which also covers people whom nobody labelled. Label losses for boxes and scores apply
only to scenes in which everyone is labelled. Label targets raise the scores of doubtful detections
too (TUD-Campus precision at .25 fell from .69 to .49 at equal recall); the third stage teaches the
score branch alone to answer as the original detector does, on the new features.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from rt_gait.training.segmenter import losses
from rt_gait.training.segmenter.augment import MAX_PEOPLE, Composer, compact
from rt_gait.training.segmenter.network import (
    Raw,
    Segmenter,
    anchor_points,
    decode_boxes,
    load_arrays,
    load_detector,
    save_arrays,
)

Stage = Literal["masks", "all", "scores"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Every number of the recipe that was chosen rather than derived."""

    height: int = 480
    width: int = 640
    batch: int = 64
    head_steps: int = 1200
    all_steps: int = 4000
    score_steps: int = 150
    head_lr: float = 2e-3
    mask_lr: float = 1e-3
    """Mask branch, second stage."""
    shared_lr: float = 1e-4
    """Everything the detector also uses, second stage."""
    score_lr: float = 5e-4
    """Score branch, third stage."""
    weight_decay: float = 0.01
    ema: float = 0.999
    mask_weight: float = 4.0
    dice_weight: float = 2.0
    box_weight: float = 1.0
    focal_weight: float = 0.3
    score_weight: float = 0.5
    keep_weight: float = 4.0
    """Distillation of the original detector's boxes."""
    seed: int = 7


class SceneDataset(Dataset[tuple[Tensor, Tensor, Tensor, int, bool]]):
    """Scene i: image, ids, padded boxes (MAX_PEOPLE, 4), number of people, completeness."""

    def __init__(self, composer: Composer, length: int, seed: int) -> None:
        self.composer, self.length, self.seed = composer, length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, int, bool]:
        scene = self.composer(self.seed * 10_000_019 + index)
        ids, boxes = compact(scene.ids)
        padded = np.zeros((MAX_PEOPLE, 4), np.float32)
        padded[: len(boxes)] = boxes
        return (
            torch.from_numpy(np.ascontiguousarray(scene.image)),
            torch.from_numpy(ids),
            torch.from_numpy(padded),
            len(boxes),
            scene.complete,
        )


def light(images: Tensor) -> Tensor:
    """Change exposure, gamma, colour and noise of a batch (N, 3, H, W) in 0..1."""
    n, device = len(images), images.device

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.empty(n, channels, 1, 1, device=device).uniform_(low, high)

    def some(chance: float) -> Tensor:
        return (torch.rand(n, 1, 1, 1, device=device) < chance).float()

    gray = (images * images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    saturation = torch.where(some(0.06) > 0, torch.zeros_like(draw(0, 1)), draw(0.5, 1.4))
    images = gray + (images - gray) * saturation
    images = (images - 0.45) * draw(0.6, 1.25) + 0.45 + draw(-0.08, 0.08)
    images = images * draw(0.93, 1.07, 3)
    dark = some(0.15)
    images = images.clamp(0, 1) ** (dark * draw(1.2, 2.2) + (1 - dark) * draw(0.75, 1.3))
    noise = some(0.5) * draw(0.0, 0.05)
    return (images + torch.randn_like(images) * noise).clamp(0, 1)


def _batches(
    composer: Composer, recipe: Recipe, steps: int, workers: int
) -> Iterator[list[Tensor]]:
    dataset = SceneDataset(composer, steps * recipe.batch, recipe.seed)
    # workers are forked, so the decoded photographs are shared, not copied
    loader = DataLoader(
        dataset,
        recipe.batch,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        drop_last=True,
        prefetch_factor=2 if workers else None,
    )
    yield from loader


def _freeze_statistics(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


class Trainer:
    """One network, its average, and the detector it must not fall behind."""

    def __init__(self, recipe: Recipe, detector: Path, start: Path | None, device: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, torch.device(device)
        self.network = Segmenter()
        fresh = load_detector(self.network, load_arrays(detector))
        log.info("mask branch starts from random weights: %d tensors", len(fresh))
        self.network.to(self.device, memory_format=torch.channels_last)
        self.teacher = copy.deepcopy(self.network).eval().requires_grad_(False)
        if start:
            load_detector(self.network, load_arrays(start))
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.points, self.strides = anchor_points(recipe.height, recipe.width, self.device)
        self.updates = 0

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _inputs(self, batch: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        images, ids, people, counts, complete = (
            b.to(self.device, non_blocking=True) for b in batch
        )
        images = light(images.permute(0, 3, 1, 2).float() / 255).contiguous(
            memory_format=torch.channels_last
        )
        most = max(1, int(batch[3].max()))
        valid = torch.arange(most, device=self.device)[None] < counts[:, None]
        return images, ids, people[:, :most], valid, complete

    def losses(self, raw: Raw, teacher: Raw | None, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Weighted losses by name, and `iou`, which is only watched; no teacher: masks alone."""
        recipe = self.recipe
        _, ids, people, valid, complete = batch
        with torch.autocast(self.device.type, enabled=False):
            boxes = decode_boxes(raw.box_logits, self.points, self.strides)
            match = losses.assign(
                raw.class_logits.detach().float().sigmoid(),
                boxes.detach(),
                self.points,
                people,
                valid,
            )
            bce, dice, iou = losses.mask_loss(raw.coefficients, raw.prototypes, ids, people, match)
            out = {"mask": bce * recipe.mask_weight, "dice": dice * recipe.dice_weight, "iou": iou}
            if teacher is None:
                return out
            known = losses.Assignment(
                torch.where(complete[:, None], match.index, -1),
                match.score * complete[:, None].float(),
            )
            ciou, focal = losses.box_losses(
                raw.box_logits, boxes, self.points, self.strides, people, known
            )
            teacher_scores = teacher.class_logits.float().sigmoid()
            out["box"], out["focal"] = ciou * recipe.box_weight, focal * recipe.focal_weight
            target = torch.maximum(known.score, teacher_scores)
            out["score"] = losses.score_loss(raw.class_logits, target) * recipe.score_weight
            keep = losses.distillation_loss(raw.box_logits, teacher.box_logits, teacher_scores)
            out["keep"] = keep * recipe.keep_weight
            return out

    def _average(self) -> None:
        self.updates += 1
        decay = self.recipe.ema * (1 - math.exp(-self.updates / 300))
        with torch.no_grad():
            state = self.network.state_dict()
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(state[name], 1 - decay)

    def _optimiser(self, stage: Stage) -> torch.optim.Optimizer:
        """Choose what a stage trains; everything else is frozen, batch statistics included."""
        recipe, head = self.recipe, nn.ModuleList(self.network.mask_modules())
        own = list((self.network.model[22].cv3 if stage == "scores" else head).parameters())
        trained = list(self.network.parameters()) if stage == "all" else own
        peaks = {"masks": recipe.head_lr, "all": recipe.mask_lr, "scores": recipe.score_lr}
        groups = [{"params": own, "lr": peaks[stage]}]
        if stage == "all":
            mine = {id(p) for p in own}
            shared = [p for p in trained if id(p) not in mine]
            groups.append({"params": shared, "lr": recipe.shared_lr})
        self.network.requires_grad_(False)
        for parameter in trained:
            parameter.requires_grad_(True)
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        self.network.train()
        _freeze_statistics(self.network)
        if stage == "masks":
            head.train()  # its statistics are new; the detector's stay COCO's throughout
        return optimiser

    def _forward(self, stage: Stage, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Run network and teacher as far as a stage needs them; its losses by name."""
        with self._autocast():
            teacher = None
            if stage != "masks":
                with torch.no_grad():
                    teacher = self.teacher(batch[0])
            if stage == "all":
                raw = self.network(batch[0])
            else:
                with torch.no_grad():
                    levels, skip = self.network.features(batch[0])
                raw = self.network.model[22](levels, skip)
        if stage == "scores" and teacher is not None:
            target = teacher.class_logits.float().sigmoid()
            return {"score": losses.score_loss(raw.class_logits, target)}
        return self.losses(raw, teacher, batch)

    def run(
        self, composer: Composer, *, stage: Stage, steps: int, workers: int, max_seconds: float
    ) -> None:
        """Train one stage.

        Ends after `steps`, or earlier when time is up; the learning rate follows the nearer end.
        """
        recipe = self.recipe
        optimiser = self._optimiser(stage)
        highest = [group["lr"] for group in optimiser.param_groups]
        began, seen = time.monotonic(), time.monotonic()
        for step, loaded in enumerate(_batches(composer, recipe, steps, workers)):
            done = max(step / steps, (time.monotonic() - began) / max_seconds)
            if done >= 1:
                break
            warm = min(1.0, (step + 1) / min(100, max(1, steps // 10)))
            for group, peak in zip(optimiser.param_groups, highest, strict=True):
                group["lr"] = peak * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
            parts = self._forward(stage, self._inputs(loaded))
            loss = torch.stack([v for k, v in parts.items() if k != "iou"]).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
            optimiser.step()
            self._average()
            if step % 50 == 0:
                rate = 50 * recipe.batch / max(1e-3, time.monotonic() - seen)
                seen = time.monotonic()
                text = " ".join(f"{k} {v.item():.3f}" for k, v in parts.items())
                log.info(
                    "%s %d/%d %s (%.0f images/s)",
                    stage,
                    step,
                    steps,
                    text,
                    rate,
                )


def train(
    composer: Composer,
    detector: Path,
    out: Path,
    recipe: Recipe,
    *,
    device: str,
    workers: int,
    max_seconds: float,
    start: Path | None = None,
) -> None:
    """Run the stages; write `head.npz` after the first and `final.npz` (averaged) at the end.

    Args:
        composer: makes the scenes.
        detector: person-only YOLOv8n weights as made by `prepare`.
        out: folder for the results, made if absent.
        recipe: the numbers; a stage of 0 steps is left out.
        device: torch device.
        workers: processes that compose scenes; 0 composes in this one.
        max_seconds: wall time for the first two stages together.
        start: weights to go on from; the teacher stays the original detector.
    """
    out.mkdir(parents=True, exist_ok=True)
    log.info("recipe %s", asdict(recipe))
    began = time.monotonic()
    trainer = Trainer(recipe, detector, start, device)
    share = recipe.head_steps / max(1, recipe.head_steps + recipe.all_steps)
    if recipe.head_steps:
        trainer.run(
            composer,
            stage="masks",
            steps=recipe.head_steps,
            workers=workers,
            max_seconds=max_seconds * share,
        )
        save_arrays(trainer.average, out / "head.npz")
    if recipe.all_steps:
        left = max_seconds - (time.monotonic() - began)
        trainer.run(
            composer, stage="all", steps=recipe.all_steps, workers=workers, max_seconds=left
        )
    if recipe.score_steps:
        trainer.run(
            composer,
            stage="scores",
            steps=recipe.score_steps,
            workers=workers,
            max_seconds=math.inf,
        )
    save_arrays(trainer.average, out / "final.npz")
    log.info("done in %.0f s", time.monotonic() - began)
