"""Commands: ``python -m rt_gait.training {train,plot,export,...}``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .walkers.command import Parser, command, device, natural, seconds

_NETWORK = "gait2d, gait3d, or a recipe (.toml)"


def _train(options: argparse.Namespace) -> None:
    from rt_gait.errors import OutputError

    from .nets.batches import Windows
    from .nets.recipe import Recipe
    from .nets.train import CHECKPOINT, Trainer, train
    from .walkers.data.reader import SilhouetteSet

    recipe = Recipe.read(options.network)
    if options.iterations:
        recipe = Recipe.of({**recipe.written(), "iterations": options.iterations})
    data = SilhouetteSet.load(options.data, "train")
    windows = Windows.of(data, options.device, options.subjects)
    check = Windows.of(SilhouetteSet.load(options.data, "validation"), options.device, 100)
    trainer = Trainer.of(recipe, windows.subjects, options.device)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder ({error.strerror}): {options.out}") from error
    if (options.out / CHECKPOINT).exists():
        trainer.resume(options.out / CHECKPOINT)
        print(f"going on from iteration {trainer.iteration}", file=sys.stderr)
    done = train(
        trainer,
        windows,
        options.out,
        check=check,
        minutes=options.minutes,
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(f"{options.out}: {trainer.iteration} of {recipe.iterations} iterations")
    if not done:
        print("run the same command again to go on")


def _parser() -> Parser:
    parser = Parser(prog="python -m rt_gait.training", description="Gait networks of our own")
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train a network on a data set of silhouettes")
    train.set_defaults(run=_train)
    train.add_argument("network", help=_NETWORK)
    train.add_argument("--data", type=Path, required=True, help="data set (walkers make)")
    train.add_argument("--out", type=Path, required=True, help="folder of checkpoint and log")
    train.add_argument("--minutes", type=seconds, default=10.0, help="stop after these, to go on")
    train.add_argument("--iterations", type=natural, default=0, help="in place of the recipe's")
    train.add_argument("--subjects", type=natural, default=0, help="use only the first of them")
    train.add_argument("--device", type=device, default="cpu", help="cpu or cuda")
    return parser


@command
def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, an error's own code with one line for what users can mend."""
    options = _parser().parse_args(argv)
    options.run(options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
