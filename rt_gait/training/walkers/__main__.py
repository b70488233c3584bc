"""Commands: ``python -m rt_gait.training.walkers {make,clip,people,samples} ...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .command import Parser, at_least, command, device, natural, positive, seconds, share


def _size(text: str) -> tuple[int, int]:
    width, x, height = text.partition("x")
    if not (x and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 960x540, not {text!r}")
    return int(width), int(height)


def _make(options: argparse.Namespace) -> None:
    from .data.dataset import make
    from .data.order import Order, shares
    from .data.population import Population, free_sessions
    from .noise.model import NoiseModel

    order = Order(
        shares(options.subjects, tuple(options.split)),
        Population(options.seed, free_sessions(options.sessions, options.trials)),
        options.views,
        options.frames,
        None if options.clean else NoiseModel(merge=0.0) if options.alone else NoiseModel(),
    )
    about = make(
        order,
        options.out,
        options.device,
        options.workers,
        report=lambda line: print(line, file=sys.stderr),
    )
    print(f"{options.out}: {about['sequences']} sequences, {about['frames']} frames")


def _clip(options: argparse.Namespace) -> None:
    from .video.clips import make_clip

    for path in make_clip(
        options.out,
        options.walkers,
        options.seconds,
        seed=options.seed,
        fps=options.fps,
        size=options.size,
        masks=options.masks,
        overwrite=options.overwrite,
    ):
        print(path)


def _people(options: argparse.Namespace) -> None:
    from .video.people import make_people

    found = make_people(
        options.out, options.count, options.seed, bodies=options.bodies, scenes=options.scenes
    )
    print(f"{options.count} pictures, {found} people labelled")


def _samples(options: argparse.Namespace) -> None:
    from .gait.mocap import MocapArchive
    from .video.samples import make_samples

    archive = MocapArchive(options.mocap)
    for path in make_samples(
        archive, options.out, options.only, masks=options.masks, overwrite=options.overwrite
    ):
        print(path)


def _parser() -> Parser:
    from .video.samples import CLIPS

    parser = Parser(
        prog="python -m rt_gait.training.walkers",
        description="Synthetic walkers: data sets, clips, pictures",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    existing = "replace what is there already"

    make = commands.add_parser("make", help="write a data set of silhouette sequences")
    make.set_defaults(run=_make)
    make.add_argument("--out", type=Path, required=True, help="new folder to write to")
    make.add_argument("--subjects", type=positive, default=2000, help="number of people")
    make.add_argument("--sessions", type=positive, default=4, help="days of every subject")
    make.add_argument("--trials", type=positive, default=2, help="walks of every session")
    make.add_argument("--views", type=positive, default=8, help="cameras of every walk")
    make.add_argument("--frames", type=at_least(2), default=40, help="frames of every view")
    make.add_argument("--seed", type=natural, default=1, help="of all draws")
    make.add_argument(
        "--split",
        type=share,
        nargs=3,
        default=(0.8, 0.1, 0.1),
        metavar="SHARE",
        help="train, validation and test subjects",
    )
    make.add_argument("--clean", action="store_true", help="true masks, no segmentation noise")
    make.add_argument(
        "--alone", action="store_true", help="nobody passes by whom a mask could merge with"
    )
    make.add_argument("--device", type=device, default="cpu", help="cpu or cuda")
    make.add_argument("--workers", type=natural, default=0, help="processes; 0 works in this one")

    clip = commands.add_parser("clip", help="write a clip of random walkers, and its truth")
    clip.set_defaults(run=_clip)
    clip.add_argument("--out", type=Path, required=True, help="video to write (.mp4)")
    clip.add_argument("--walkers", type=positive, default=4, help="number of people")
    clip.add_argument("--seconds", type=seconds, default=12.0, help="length of the clip")
    clip.add_argument("--seed", type=natural, default=1, help="of all draws")
    clip.add_argument("--fps", type=positive, default=25, help="frames a second")
    clip.add_argument("--size", type=_size, default=(960, 540), help="such as 960x540")
    clip.add_argument("--masks", action="store_true", help="also write the visible masks (npz)")
    clip.add_argument("--overwrite", action="store_true", help=existing)

    people = commands.add_parser("people", help="write training pictures with instance labels")
    people.set_defaults(run=_people)
    people.add_argument("--out", type=Path, required=True, help="new folder to write to")
    people.add_argument("--count", type=positive, default=100, help="number of pictures")
    people.add_argument("--seed", type=natural, default=1, help="of all draws")
    people.add_argument("--bodies", type=positive, default=40, help="size of the pool of people")
    people.add_argument("--scenes", type=positive, default=32, help="cameras and backgrounds")

    samples = commands.add_parser("samples", help="write the sample clips and their truth")
    samples.set_defaults(run=_samples)
    samples.add_argument(
        "--mocap",
        type=Path,
        required=True,
        help="zip archive of ASF and AMC files (see the samples' README)",
    )
    samples.add_argument("--out", type=Path, required=True, help="folder to write to")
    samples.add_argument("--only", nargs="+", choices=CLIPS, default=CLIPS, help="clips to write")
    samples.add_argument("--masks", action="store_true", help="also write the visible masks (npz)")
    samples.add_argument("--overwrite", action="store_true", help=existing)
    return parser


@command
def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, an error's own code with one line for what users can mend."""
    options = _parser().parse_args(argv)
    options.run(options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
