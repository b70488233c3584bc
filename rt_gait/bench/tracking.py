"""How well people are followed, against a ground truth in MOTChallenge's format.

    python -m rt_gait.bench.tracking --gt gt.txt --tracks out.txt [--json]
    python -m rt_gait.bench.tracking --gt gt.txt --video lobby.mp4 [--json] [-- rt-gait options]

The second form runs ``rt-gait --video`` itself, in a process of its own, and scores the tracks it
writes. Ratios are printed in percent, as the tracking literature has them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rt_gait.bench.scores import figures, score
from rt_gait.errors import ExitCode, RtGaitError, SourceOpenError
from rt_gait.track.mot import TrackBoxes, read_ground_truth, read_tracks

COLUMNS = (
    "HOTA", "DetA", "AssA", "MOTA", "IDF1", "Rcll", "Prcn", "IDSW", "FP", "FN", "Frag",
)  # fmt: skip
_RECORDER = (sys.executable, "-m", "rt_gait")


def format_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return aligned lines: the names of the main figures, then the figures of each row."""
    cells = [["", *COLUMNS]] + [
        [name, *(_cell(figures[column]) for column in COLUMNS)] for name, figures in rows.items()
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in cells
    )


def _cell(figure: float) -> str:
    return str(figure) if isinstance(figure, int) else f"{figure:.2f}"


def record(
    video: Path, options: Sequence[str] = (), *, recorder: Sequence[str] = _RECORDER
) -> None:
    """Run ``rt-gait`` over a video.

    Args:
        video: the file to follow people in.
        options: further options for ``rt-gait``.
        recorder: the command to run instead of this interpreter's ``rt_gait``.

    Raises:
        SourceOpenError: there is no such video.
        RtGaitError: the run failed, with its exit code.
    """
    if not video.is_file():
        raise SourceOpenError(f"no such video: {video}")
    # What it prints goes to standard error (2): standard output is for the score.
    command = [*recorder, "--video", str(video), *options]
    code = subprocess.run(command, stdout=2, check=False).returncode
    if code != ExitCode.OK:
        error = RtGaitError(f"rt-gait ended with code {code}; its own message is above")
        error.exit_code = ExitCode(code) if code in set(ExitCode) else ExitCode.INTERNAL
        raise error


def record_tracks(
    video: Path, options: Sequence[str] = (), *, recorder: Sequence[str] = _RECORDER
) -> TrackBoxes:
    """Run ``rt-gait`` over a video, as :func:`record` does, and return the tracks it wrote.

    Raises:
        SourceOpenError: there is no such video.
        RtGaitError: the run failed, with its exit code, or it wrote no tracks.
    """
    with tempfile.TemporaryDirectory(prefix="rt-gait-bench-") as folder:
        out = Path(folder, "tracks.txt")
        record(video, ("--mot", str(out), *options), recorder=recorder)
        if not out.is_file():
            raise RtGaitError("rt-gait ended well but wrote no tracks: check its option --mot")
        return read_tracks(out)


def main(argv: Sequence[str] | None = None) -> int:
    """Score tracks as the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.bench.tracking",
        description="Score tracks against a ground truth: HOTA, CLEAR MOT and IDF1.",
    )
    parser.add_argument("--gt", type=Path, required=True, metavar="FILE", help="MOT15 gt.txt")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--tracks", type=Path, metavar="FILE", help="frame,id,x,y,w,h,... lines")
    source.add_argument("--video", type=Path, metavar="FILE", help="run rt-gait over this file")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    parser.add_argument("options", nargs="*", help="after --: options for rt-gait, with --video")
    args = parser.parse_args(argv)
    if args.options and not args.video:
        parser.error("options for rt-gait need --video")
    try:
        truth = read_ground_truth(args.gt)
        tracks = (
            read_tracks(args.tracks) if args.tracks else record_tracks(args.video, args.options)
        )
        result = figures(score(truth, tracks))
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(json.dumps(result) if args.json else format_table({"": result}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
