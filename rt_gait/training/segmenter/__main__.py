"""Command line of the segmenter recipe: `python -m rt_gait.training.segmenter COMMAND --help`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path


def _prepare(args: argparse.Namespace) -> None:
    from rt_gait.training.segmenter import data, pretrained

    args.out.mkdir(parents=True, exist_ok=True)
    count = data.pack(
        args.data / "train.tar", args.data / "images.csv", args.out / "train.tar", args.long_side
    )
    pretrained.convert(args.weights, args.out / "yolov8n_person.npz")
    print(f"{count} photographs and the person detector written to {args.out}")


def _train(args: argparse.Namespace) -> None:
    import cv2

    from rt_gait.training.segmenter import data
    from rt_gait.training.segmenter.augment import Composer
    from rt_gait.training.segmenter.stages import Recipe
    from rt_gait.training.segmenter.train import train

    cv2.setNumThreads(
        0
    )  # before its first use: a forked worker that inherits OpenCV's thread pool hangs
    photos = list(data.read_archive(args.data / "train.tar", limit=args.limit))
    walkers = list(data.read_archive(args.walkers)) if args.walkers else []
    recipe = Recipe(
        batch=args.batch,
        head_steps=args.head_steps,
        all_steps=args.all_steps,
        score_steps=args.score_steps,
        seed=args.seed,
    )
    composer = Composer(photos, walkers, recipe.height, recipe.width)
    train(
        composer,
        args.data / "yolov8n_person.npz",
        args.out,
        recipe,
        device=args.device,
        workers=args.workers,
        max_seconds=args.max_seconds,
        start=args.start,
    )


def _export(args: argparse.Namespace) -> None:
    from rt_gait.training.segmenter.export import export_repository

    for path in export_repository(
        args.weights, args.repository, args.height, args.width, args.training_data
    ):
        print(path)


def _evaluate(args: argparse.Namespace) -> None:
    from rt_gait.training.segmenter.evaluate import evaluate

    print(evaluate(args.model, args.data, limit=args.limit, save=args.save))


def _render(args: argparse.Namespace) -> None:
    from rt_gait.training.segmenter.render import render

    for path in render(args.model, args.source, args.out, args.frames):
        print(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and runs one command."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.training.segmenter", description=__doc__
    )
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser(
        "prepare", help="pack photographs and cut yolov8n.pt down to person"
    )
    command.add_argument(
        "--data", type=Path, required=True, help="folder with train.tar and images.csv"
    )
    command.add_argument("--weights", type=Path, required=True, help="COCO-pretrained yolov8n.pt")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--long-side", type=int, default=640, help="pixels")
    command.set_defaults(run=_prepare)

    command = commands.add_parser("train", help="train on what prepare wrote")
    command.add_argument("--data", type=Path, required=True, help="folder that prepare wrote")
    command.add_argument("--walkers", type=Path, help="archive of rendered walkers")
    command.add_argument("--start", type=Path, help="weights to go on from")
    command.add_argument("--seed", type=int, default=7)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--device", default="cuda")
    command.add_argument("--workers", type=int, default=16)
    command.add_argument("--batch", type=int, default=64)
    command.add_argument("--head-steps", type=int, default=1200)
    command.add_argument("--all-steps", type=int, default=4000)
    command.add_argument("--score-steps", type=int, default=150)
    command.add_argument("--max-seconds", type=float, default=float("inf"))
    command.add_argument("--limit", type=int, help="use only the first photographs (a dry run)")
    command.set_defaults(run=_train)

    command = commands.add_parser("export", help="write the model repository entries")
    command.add_argument("--weights", type=Path, required=True, help="final.npz")
    command.add_argument("--repository", type=Path, default=Path("model_repository"))
    command.add_argument("--height", type=int, default=480)
    command.add_argument("--width", type=int, default=640)
    command.add_argument(
        "--training-data", default="coco-cc+ccp-1390", help="id written into config.pbtxt"
    )
    command.set_defaults(run=_export)

    command = commands.add_parser("evaluate", help="measure a model on held-out data (no torch)")
    command.add_argument(
        "--model", type=Path, required=True, help="model.onnx, of this project or Ultralytics"
    )
    command.add_argument(
        "--data", type=Path, required=True, help="folder with masks/, silhouettes/, video/, mot15/"
    )
    command.add_argument("--limit", type=int, help="photographs or frames per set")
    command.add_argument("--save", type=Path, help="JSON file for the figures")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("render", help="paint masks over frames, to look at (no torch)")
    command.add_argument("--model", type=Path, required=True)
    command.add_argument(
        "--source", type=Path, required=True, help="video file or folder of images"
    )
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--frames", type=int, default=12)
    command.set_defaults(run=_render)

    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    args.run(args)


if __name__ == "__main__":
    main()
