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
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from rt_gait.training.segmenter import losses
from rt_gait.training.segmenter.augment import Composer
from rt_gait.training.segmenter.batches import batches, light
from rt_gait.training.segmenter.losses import Assignment
from rt_gait.training.segmenter.network import (
    Raw,
    Segmenter,
    anchor_points,
    decode_boxes,
    load_arrays,
    load_detector,
    save_arrays,
)
from rt_gait.training.segmenter.stages import Recipe, Stage, prepare, rate

log = logging.getLogger(__name__)


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
            if teacher is not None:
                known = Assignment(
                    torch.where(complete[:, None], match.index, -1),
                    match.score * complete[:, None].float(),
                )
                out |= self._detector_losses(raw, teacher, boxes, people, known)
            return out

    def _detector_losses(
        self, raw: Raw, teacher: Raw, boxes: Tensor, people: Tensor, known: Assignment
    ) -> dict[str, Tensor]:
        """Boxes and scores: by label where everyone is labelled, by the teacher everywhere."""
        recipe = self.recipe
        teacher_scores = teacher.class_logits.float().sigmoid()
        ciou, focal = losses.box_losses(
            raw.box_logits, boxes, self.points, self.strides, people, known
        )
        score = losses.score_loss(raw.class_logits, torch.maximum(known.score, teacher_scores))
        keep = losses.distillation_loss(raw.box_logits, teacher.box_logits, teacher_scores)
        return {
            "box": ciou * recipe.box_weight,
            "focal": focal * recipe.focal_weight,
            "score": score * recipe.score_weight,
            "keep": keep * recipe.keep_weight,
        }

    def _average(self) -> None:
        self.updates += 1
        decay = self.recipe.ema * (1 - math.exp(-self.updates / 300))
        with torch.no_grad():
            state = self.network.state_dict()
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(state[name], 1 - decay)

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

    def _update(self, optimiser: torch.optim.Optimizer, parts: dict[str, Tensor]) -> None:
        loss = torch.stack([v for k, v in parts.items() if k != "iou"]).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        optimiser.step()
        self._average()

    def run(
        self, composer: Composer, *, stage: Stage, steps: int, workers: int, max_seconds: float
    ) -> None:
        """Train one stage.

        Ends after `steps`, or earlier when time is up; the learning rate follows the nearer end.
        """
        optimiser = prepare(self.network, stage, self.recipe)
        highest = [group["lr"] for group in optimiser.param_groups]
        began, seen = time.monotonic(), time.monotonic()
        for step, loaded in enumerate(batches(composer, self.recipe, steps, workers)):
            done = max(step / steps, (time.monotonic() - began) / max_seconds)
            if done >= 1:
                break
            for group, peak in zip(optimiser.param_groups, highest, strict=True):
                group["lr"] = peak * rate(step, steps, done)
            parts = self._forward(stage, self._inputs(loaded))
            self._update(optimiser, parts)
            if step % 50 == 0:
                speed = 50 * self.recipe.batch / max(1e-3, time.monotonic() - seen)
                seen = time.monotonic()
                text = " ".join(f"{k} {v.item():.3f}" for k, v in parts.items())
                log.info("%s %d/%d %s (%.0f images/s)", stage, step, steps, text, speed)


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
    run = partial(trainer.run, composer, workers=workers)
    share = recipe.head_steps / max(1, recipe.head_steps + recipe.all_steps)
    if recipe.head_steps:
        run(stage="masks", steps=recipe.head_steps, max_seconds=max_seconds * share)
        save_arrays(trainer.average, out / "head.npz")
    if recipe.all_steps:
        left = max_seconds - (time.monotonic() - began)
        run(stage="all", steps=recipe.all_steps, max_seconds=left)
    if recipe.score_steps:
        run(stage="scores", steps=recipe.score_steps, max_seconds=math.inf)
    save_arrays(trainer.average, out / "final.npz")
    log.info("done in %.0f s", time.monotonic() - began)
