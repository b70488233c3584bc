"""Two-stage training: the mask branch alone on a frozen detector, then everything gently, held to that detector.

The second stage moves the shared features, so a frozen copy of the original detector scores every scene: its boxes are
kept by distillation, and its scores are the target wherever no label says otherwise, which also covers people whom
nobody labelled. Label losses for boxes and scores apply only to scenes in which everyone is labelled.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from rt_gait.training.segmenter import losses
from rt_gait.training.segmenter.augment import MAX_PEOPLE, Composer, compact
from rt_gait.training.segmenter.data import Photo
from rt_gait.training.segmenter.network import (
    Raw, Segmenter, anchor_points, decode_boxes, load_arrays, load_detector, save_arrays,
)  # fmt: skip

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Every number of the recipe that was chosen rather than derived."""

    height: int = 480
    width: int = 640
    batch: int = 64
    head_steps: int = 1200
    all_steps: int = 4000
    head_lr: float = 2e-3
    mask_lr: float = 1e-3
    """Mask branch, second stage."""
    shared_lr: float = 1e-4
    """Everything the detector also uses, second stage."""
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
    """Scene number i: image (H, W, 3) uint8, ids (H, W) uint8, boxes (MAX_PEOPLE, 4), people, completeness."""

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
            torch.from_numpy(np.ascontiguousarray(scene.image)), torch.from_numpy(ids), torch.from_numpy(padded),
            len(boxes), scene.complete,
        )  # fmt: skip


def light(images: Tensor) -> Tensor:
    """Exposure, contrast, gamma, colour cast, gray cameras and noise on a batch (N, 3, H, W) in 0..1."""
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
    photos: list[Photo], recipe: Recipe, steps: int, workers: int
) -> Iterator[list[Tensor]]:
    composer = Composer(photos, recipe.height, recipe.width)
    dataset = SceneDataset(composer, steps * recipe.batch, recipe.seed)
    # workers are forked, so the decoded photographs are shared, not copied
    loader = DataLoader(
        dataset, recipe.batch, num_workers=workers, pin_memory=torch.cuda.is_available(), drop_last=True,
        prefetch_factor=2 if workers else None,
    )  # fmt: skip
    yield from loader


def _freeze_statistics(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


class Trainer:
    """One network, its average, and the detector it must not fall behind."""

    def __init__(self, recipe: Recipe, detector: Path, device: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, torch.device(device)
        self.network = Segmenter()
        fresh = load_detector(self.network, load_arrays(detector))
        log.info("mask branch starts from random weights: %d tensors", len(fresh))
        self.network.to(self.device, memory_format=torch.channels_last)
        self.teacher = copy.deepcopy(self.network).eval().requires_grad_(False)
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
        """Weighted losses by name, and `iou`, which is only watched. Without a teacher: masks alone."""
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
            target = torch.maximum(known.score, teacher_scores)
            out["box"], out["focal"] = ciou * recipe.box_weight, focal * recipe.focal_weight
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

    def run(
        self, photos: list[Photo], *, whole: bool, steps: int, workers: int, max_seconds: float
    ) -> None:
        """One stage; ends after `steps`, or earlier when time is up (the schedule follows whichever is nearer)."""
        recipe, head = self.recipe, nn.ModuleList(self.network.mask_modules())
        fresh = {id(p) for p in head.parameters()}
        for parameter in self.network.parameters():
            parameter.requires_grad_(whole or id(parameter) in fresh)
        groups = [
            {"params": list(head.parameters()), "lr": recipe.mask_lr if whole else recipe.head_lr}
        ]
        if whole:
            shared = [p for p in self.network.parameters() if id(p) not in fresh]
            groups.append({"params": shared, "lr": recipe.shared_lr})
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        peaks = [group["lr"] for group in optimiser.param_groups]
        self.network.train()
        _freeze_statistics(self.network)
        if not whole:
            head.train()  # its statistics are new; the detector's stay COCO's throughout
        began, seen = time.monotonic(), time.monotonic()
        for step, loaded in enumerate(_batches(photos, recipe, steps, workers)):
            done = max(step / steps, (time.monotonic() - began) / max_seconds)
            if done >= 1:
                break
            warm = min(1.0, (step + 1) / 100)
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
            batch = self._inputs(loaded)
            with self._autocast():
                if whole:
                    raw = self.network(batch[0])
                    with torch.no_grad():
                        teacher = self.teacher(batch[0])
                else:
                    with torch.no_grad():
                        levels, skip = self.network.features(batch[0])
                    raw, teacher = self.network.model[22](levels, skip), None
            parts = self.losses(raw, teacher, batch)
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
                    "all" if whole else "head",
                    step,
                    steps,
                    text,
                    rate,
                )


def train(
    photos: list[Photo],
    detector: Path,
    out: Path,
    recipe: Recipe,
    *,
    device: str,
    workers: int,
    max_seconds: float,
) -> None:
    """Runs both stages; writes `head.npz` after the first and `final.npz` (averaged weights) after the second.

    Args:
        photos: training photographs.
        detector: person-only YOLOv8n weights as made by `prepare`.
        out: folder for the results, made if absent.
        recipe: the numbers.
        device: torch device.
        workers: processes that compose scenes; 0 composes in this one.
        max_seconds: wall time for both stages together.
    """
    out.mkdir(parents=True, exist_ok=True)
    log.info("%d photographs, recipe %s", len(photos), asdict(recipe))
    began = time.monotonic()
    trainer = Trainer(recipe, detector, device)
    share = recipe.head_steps / max(1, recipe.head_steps + recipe.all_steps)
    options = {"workers": workers}
    trainer.run(
        photos, whole=False, steps=recipe.head_steps, max_seconds=max_seconds * share, **options
    )
    save_arrays(trainer.average, out / "head.npz")
    if recipe.all_steps:
        left = max_seconds - (time.monotonic() - began)
        trainer.run(photos, whole=True, steps=recipe.all_steps, max_seconds=left, **options)
    save_arrays(trainer.average, out / "final.npz")
    log.info("done in %.0f s", time.monotonic() - began)
