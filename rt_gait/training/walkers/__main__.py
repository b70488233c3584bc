"""Commands: ``python -m rt_gait.training.walkers {make,clip,people,samples} ...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from rt_gait.errors import ExitCode, RtGaitError, UsageError


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _size(text: str) -> tuple[int, int]:
    width, x, height = text.partition("x")
    if not (x and width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 960x540, not {text!r}")
    return int(width), int(height)


def _make(options: argparse.Namespace) -> None:
    from .data.dataset import Order, make, shares
    from .data.population import Population, free_sessions
    from .noise.model import NoiseModel

    order = Order(
        shares(options.subjects, tuple(options.split)),
        Population(options.seed, free_sessions(options.sessions, options.trials)),
        options.views,
        options.frames,
        None if options.clean else NoiseModel(),
    )
    about = make(order, options.out, options.device, options.workers)
    print(f"{options.out}: {about['sequences']} sequences, {about['frames']} frames")


def _clip(options: argparse.Namespace) -> None:
    from rt_gait.outputs.output import check_file

    from .video.clips import make_clip

    check_file(options.out, overwrite=True)
    for path in make_clip(
        options.out,
        options.walkers,
        options.seconds,
        seed=options.seed,
        fps=options.fps,
        size=options.size,
        masks=options.masks,
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
    for path in make_samples(archive, options.out, options.only, options.masks):
        print(path)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m rt_gait.training.walkers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    make = commands.add_parser("make", help="write a data set of silhouette sequences")
    make.set_defaults(run=_make)
    make.add_argument("--out", type=Path, required=True, help="new folder to write to")
    make.add_argument("--subjects", type=int, default=2000)
    make.add_argument("--sessions", type=int, default=4, help="days of every subject")
    make.add_argument("--trials", type=int, default=2, help="walks of every session")
    make.add_argument("--views", type=int, default=8, help="cameras of every walk")
    make.add_argument("--frames", type=int, default=40, help="frames of every view")
    make.add_argument("--seed", type=int, default=1)
    make.add_argument(
        "--split",
        type=float,
        nargs=3,
        default=(0.8, 0.1, 0.1),
        metavar="SHARE",
        help="train, validation and test subjects",
    )
    make.add_argument("--clean", action="store_true", help="true masks, no segmentation noise")
    make.add_argument("--device", default="cpu", help="cpu or cuda")
    make.add_argument("--workers", type=int, default=0, help="processes; 0 works in this one")

    clip = commands.add_parser("clip", help="write a clip of random walkers, and its truth")
    clip.set_defaults(run=_clip)
    clip.add_argument("--out", type=Path, required=True, help="video to write (.mp4)")
    clip.add_argument("--walkers", type=int, default=4, help="number of people")
    clip.add_argument("--seconds", type=float, default=12.0)
    clip.add_argument("--seed", type=int, default=1)
    clip.add_argument("--fps", type=int, default=25)
    clip.add_argument("--size", type=_size, default=(960, 540), help="such as 960x540")
    clip.add_argument("--masks", action="store_true", help="also write the visible masks (npz)")

    people = commands.add_parser("people", help="write training pictures with instance labels")
    people.set_defaults(run=_people)
    people.add_argument("--out", type=Path, required=True, help="folder to write to")
    people.add_argument("--count", type=int, default=100, help="number of pictures")
    people.add_argument("--seed", type=int, default=1)
    people.add_argument("--bodies", type=int, default=40, help="size of the pool of people")
    people.add_argument("--scenes", type=int, default=32, help="number of cameras and backgrounds")

    samples = commands.add_parser("samples", help="write the sample clips and their truth")
    samples.set_defaults(run=_samples)
    samples.add_argument(
        "--mocap",
        type=Path,
        required=True,
        help="zip archive of ASF and AMC files (see the samples' README)",
    )
    samples.add_argument("--out", type=Path, required=True, help="folder to write to")
    samples.add_argument("--only", nargs="*", default=None, help="clip names to write")
    samples.add_argument(
        "--masks",
        type=Path,
        default=None,
        help="also write the visible masks of every frame to this folder (npz)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, 2 with one line on standard error for what users can mend."""
    try:
        options = _parser().parse_args(argv)
        options.run(options)
    except RtGaitError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except (ImportError, RuntimeError) as error:
        missing = error if isinstance(error, ImportError) else error.__cause__
        name = getattr(missing, "name", None) or ""
        if name.split(".")[0] not in ("anny", "torch"):
            raise
        return _fail(f"{name} is not installed: pip install 'rt-gait[train]'")
    return 0


def _fail(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return int(ExitCode.USAGE)


if __name__ == "__main__":
    raise SystemExit(main())
