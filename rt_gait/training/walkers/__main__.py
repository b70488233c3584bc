"""Commands: ``python -m rt_gait.training.walkers {samples,people} --mocap FILE --out DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.training.walkers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    samples = commands.add_parser("samples", help="write the sample clips and their truth")
    people = commands.add_parser("people", help="write training pictures with instance labels")
    for command in (samples, people):
        command.add_argument(
            "--mocap",
            type=Path,
            required=True,
            help="zip archive of ASF and AMC files (see the samples' README)",
        )
        command.add_argument("--out", type=Path, required=True, help="folder to write to")
    samples.add_argument("--only", nargs="*", default=None, help="clip names to write")
    samples.add_argument(
        "--masks",
        type=Path,
        default=None,
        help="also write the visible masks of every frame to this folder (npz)",
    )
    people.add_argument("--count", type=int, default=100, help="number of pictures")
    people.add_argument("--seed", type=int, default=1)
    people.add_argument("--bodies", type=int, default=40, help="size of the pool of people")
    people.add_argument("--scenes", type=int, default=32, help="number of cameras and backgrounds")
    options = parser.parse_args(argv)

    from .mocap import MocapArchive

    archive = MocapArchive(options.mocap)
    if options.command == "people":
        from .people import make_people

        found = make_people(
            archive,
            options.out,
            options.count,
            options.seed,
            bodies=options.bodies,
            scenes=options.scenes,
        )
        print(f"{options.count} pictures, {found} people labelled")
        return 0
    from .clips import make_samples

    for path in make_samples(archive, options.out, options.only, options.masks):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
