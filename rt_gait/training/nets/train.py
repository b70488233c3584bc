"""Training a gait network, in pieces that go on exactly where the last one stopped.

All random numbers of an iteration come from the recipe's seed and the iteration's number, so a
checkpoint holds the network, the classifier, the optimiser and the number, and no more.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rt_gait.errors import DamagedInputError, UsageError

from ..walkers.command import whole
from .augment import Augment
from .batches import Windows
from .gait2d import PART_SIZE, PARTS, Gait2d
from .gait3d import Gait3d
from .losses import Classifier, cross_entropy, triplet
from .norms import settle
from .rank import embed, rank1
from .recipe import Recipe

LOG_EVERY = 50
CHECK_EVERY = 1000
CHECKPOINT = "checkpoint.pt"
#: Batches over which the norms are settled at the end.
SETTLING = 30

Parts = Callable[[Tensor], Tensor]


@dataclass
class Trainer:
    """Network, classifier, optimiser, how many iterations they have seen, and of what ``data``."""

    recipe: Recipe
    network: Gait2d | Gait3d
    classifier: Classifier
    optimiser: torch.optim.Optimizer
    iteration: int = 0
    data: str = ""

    @staticmethod
    def of(
        recipe: Recipe, subjects: int, device: str, network: Gait2d | Gait3d | None = None
    ) -> Trainer:
        """A new one, with ``network`` or the recipe's untrained one."""
        network = network or recipe.build()
        network.to(device, memory_format=network.memory_format)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            classifier = Classifier(PARTS, PART_SIZE, subjects).to(device)
        weights = [*network.parameters(), *classifier.parameters()]
        groups = [
            {"params": [w for w in weights if w.ndim > 1]},
            {"params": [w for w in weights if w.ndim == 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay)
        return Trainer(recipe, network, classifier, optimiser)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {
            "recipe": self.recipe.written(),
            "iteration": self.iteration,
            "data": self.data,
            "network": self.network.state_dict(),
            "classifier": self.classifier.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with whole(path) as part:
            torch.save(state, part)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            UsageError: it is of another recipe or another number of subjects.
        """
        state = read_checkpoint(path)
        if Recipe.of(state["recipe"]) != self.recipe:
            raise UsageError(f"{path} is of another recipe; name a new folder for --out")
        if state["classifier"]["weight"].shape != self.classifier.weight.shape:
            raise UsageError(f"{path} was trained on another number of subjects")
        self.network.load_state_dict(state["network"])
        self.classifier.load_state_dict(state["classifier"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.iteration = state["iteration"]

    def inherit(self, path: Path, windows: Windows) -> None:
        """Take a checkpoint's classifier; everybody's mean vectors if it is of other people."""
        state = read_checkpoint(path)
        classifier = state.get("classifier", {})
        known = classifier.get("weight")
        if (
            known is not None
            and known.shape == self.classifier.weight.shape
            and state["data"] == self.data
        ):
            self.classifier.load_state_dict(classifier)
        else:
            with torch.no_grad():
                self.classifier.weight.copy_(mean_parts(self.network, windows))

    def step(self, windows: Windows, augment: Augment, parts_of: Parts) -> dict[str, Tensor]:
        """One iteration; losses and the share of active triplets, still on the device.

        ``parts_of`` is the network's ``parts``, or its compiled equal.
        """
        recipe, device = self.recipe, windows.pictures.device
        random = torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + self.iteration)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate * schedule(self.iteration, recipe)
        steps = recipe.steps[(self.iteration * 7919 + recipe.seed) % len(recipe.steps)]
        pictures, subjects = windows.draw(random, recipe.people, recipe.each, steps, recipe.pace)
        pictures = augment(pictures, random)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            parts = parts_of(pictures)
            logits = self.classifier(parts)
        by_distance, active = triplet(parts, subjects)
        by_class = cross_entropy(logits, subjects)
        self.optimiser.zero_grad(set_to_none=True)
        (by_distance + by_class).backward()
        self.optimiser.step()
        self.iteration += 1
        return {"triplet": by_distance, "active": active, "cross_entropy": by_class}


def mean_parts(network: Gait2d | Gait3d, windows: Windows, most: int = 12) -> Tensor:
    """(P, D, subjects) mean direction of the parts of everybody's first ``most`` sequences."""
    means = []
    for own in windows.own[:, :most].split(32):
        parts = embed(network, windows, own.flatten(), network.parts)
        means.append(functional.normalize(parts, dim=2).unflatten(0, own.shape).mean(dim=1))
    return functional.normalize(torch.cat(means), dim=2).permute(1, 2, 0)


def schedule(iteration: int, recipe: Recipe) -> float:
    """The learning rate as a share of the recipe's."""
    if iteration < recipe.warmup:
        return (iteration + 1) / recipe.warmup
    done = (iteration - recipe.warmup) / max(recipe.iterations - recipe.warmup, 1)
    return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0))) * 0.99 + 0.01


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the processor.

    Raises:
        DamagedInputError: it cannot be read, or is none.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        Recipe.of(state["recipe"])
        state["network"].keys()
    except FileNotFoundError as error:
        raise UsageError(f"there is no checkpoint: {path}") from error
    except Exception as error:  # torch raises a different class for each kind of damage
        raise DamagedInputError(f"not a checkpoint of ours: {path}") from error
    return dict(state)


def load_network(path: Path) -> tuple[Recipe, Gait2d | Gait3d]:
    """The trained network of a checkpoint, ready to be used."""
    state = read_checkpoint(path)
    recipe = Recipe.of(state["recipe"])
    network = recipe.build()
    network.load_state_dict(state["network"])
    return recipe, network.eval()


def train(
    trainer: Trainer,
    windows: Windows,
    out: Path,
    *,
    check: Windows | None,
    minutes: float,
    report: Callable[[str], None],
) -> bool:
    """Train until the recipe's end or for ``minutes``, one iteration at least; whether it ended.

    ``out`` holds the checkpoint and ``log.jsonl``, one object every 50 iterations.
    """
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.benchmark_limit = 5
    parts_of: Parts = trainer.network.parts
    if windows.pictures.device.type == "cuda":
        parts_of = torch.compile(parts_of, dynamic=False)
    recipe, augment, started = trainer.recipe, Augment(), time.monotonic()
    sums: dict[str, Tensor] = {}
    clock = started
    trainer.network.train()
    with (out / "log.jsonl").open("a") as log:
        while trainer.iteration < recipe.iterations:
            for name, value in trainer.step(windows, augment, parts_of).items():
                sums[name] = sums.get(name, 0.0) + value.detach()
            if trainer.iteration % LOG_EVERY == 0:
                line: dict[str, Any] = {"iteration": trainer.iteration}
                line |= {k: round(float(v) / LOG_EVERY, 5) for k, v in sums.items()}
                line["iterations_s"] = round(LOG_EVERY / (time.monotonic() - clock), 2)
                if check is not None and trainer.iteration % CHECK_EVERY == 0:
                    line["rank1"] = round(rank1(trainer.network, check), 4)
                log.write(json.dumps(line) + "\n")
                log.flush()
                report(" ".join(f"{k} {v}" for k, v in line.items()))
                sums, clock = {}, time.monotonic()
            if time.monotonic() - started >= 60 * minutes:
                break
    done = trainer.iteration >= recipe.iterations
    if done:
        settle(
            trainer.network,
            windows,
            seed=recipe.seed,
            people=recipe.people,
            each=recipe.each,
            batches=SETTLING,
        )
    trainer.save(out / CHECKPOINT)
    return done
