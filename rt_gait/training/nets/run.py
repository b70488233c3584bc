"""The commands ``train``, ``prune`` and ``plot``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_gait.errors import OutputError

from ..walkers.command import device, natural, seconds, share

if TYPE_CHECKING:
    from .gait2d import Gait2d
    from .gait3d import Gait3d
    from .recipe import Recipe

#: How a pruned network is trained on.
FINE_TUNING = {"iterations": 1000, "rate": 4e-3, "warmup": 50}


def add_parsers(commands: Any) -> None:
    """Add the commands to ``argparse``'s."""
    train = commands.add_parser("train", help="train a network on a data set of silhouettes")
    train.set_defaults(run=_train)
    train.add_argument("network", help="gait2d, gait3d, or a recipe (.toml)")
    _add_options(train)

    prune = commands.add_parser("prune", help="take filters out of a trained network, train on")
    prune.set_defaults(run=_prune)
    prune.add_argument("checkpoint", type=Path, help="of the network to prune")
    prune.add_argument("--share", type=share, required=True, help="of the filters to take out")
    _add_options(prune)

    plot = commands.add_parser("plot", help="draw the logs of trainings")
    plot.set_defaults(run=_plot)
    plot.add_argument("logs", type=Path, nargs="+", help="log.jsonl of each training")
    plot.add_argument("--out", type=Path, required=True, help="picture to write (.png)")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="data set (walkers make)")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and log")
    parser.add_argument("--minutes", type=seconds, default=10.0, help="stop after these, to go on")
    parser.add_argument("--iterations", type=natural, default=0, help="in place of the recipe's")
    parser.add_argument("--subjects", type=natural, default=0, help="use only the first of them")
    parser.add_argument("--device", type=device, default="cpu", help="cpu or cuda")


def _train(options: argparse.Namespace) -> None:
    from .recipe import Recipe

    recipe = Recipe.read(options.network)
    _fit(options, recipe, recipe.build())


def _prune(options: argparse.Namespace) -> None:
    from .prune import pruned
    from .recipe import Recipe
    from .train import load_network

    recipe, network = load_network(options.checkpoint)
    tuned = Recipe.of({**recipe.written(), **FINE_TUNING})
    _fit(options, *pruned(tuned, network, options.share), like=options.checkpoint)


def _fit(
    options: argparse.Namespace, recipe: Recipe, network: Gait2d | Gait3d, like: Path | None = None
) -> None:
    from ..walkers.data.reader import SilhouetteSet
    from .batches import Windows, data_digest
    from .recipe import Recipe
    from .train import CHECKPOINT, Trainer, train

    if options.iterations:
        recipe = Recipe.of({**recipe.written(), "iterations": options.iterations})
    data = SilhouetteSet.load(options.data, "train")
    windows = Windows.of(data, options.device, options.subjects)
    check = Windows.of(SilhouetteSet.load(options.data, "validation"), options.device)
    trainer = Trainer.of(recipe, windows.subjects, options.device, network)
    trainer.data = f"walkers {data_digest(options.data)}, {windows.subjects} subjects"
    if like is not None:
        trainer.inherit(like, windows)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder ({error.strerror}): {options.out}") from error
    if (options.out / CHECKPOINT).exists():
        trainer.resume(options.out / CHECKPOINT)
        _say(f"going on from iteration {trainer.iteration}")
    done = train(trainer, windows, options.out, check=check, minutes=options.minutes, report=_say)
    print(f"{options.out}: {trainer.iteration} of {recipe.iterations} iterations")
    if not done:
        print("run the same command again to go on")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _plot(options: argparse.Namespace) -> None:
    from .plot import plot_logs

    plot_logs(options.logs, options.out)
    print(options.out)
