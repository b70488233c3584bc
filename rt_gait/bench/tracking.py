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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rt_gait.bench.clear import Clear, clear
from rt_gait.bench.hota import Hota, hota
from rt_gait.bench.identity import IdentityScore, identity
from rt_gait.bench.mot import TrackBoxes, pair, read_ground_truth, read_tracks
from rt_gait.errors import ExitCode, RtGaitError, SourceOpenError

_COLUMNS = (
    "HOTA", "DetA", "AssA", "MOTA", "IDF1", "Rcll", "Prcn", "IDSW", "FP", "FN", "Frag",
)  # fmt: skip
_RECORDER = (sys.executable, "-m", "rt_gait")


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """The three families of metrics over one sequence."""

    hota: Hota
    clear: Clear
    identity: IdentityScore

    def as_dict(self) -> dict[str, float]:
        """Return every figure under the name the literature has for it, ratios in percent."""
        h, c, i = self.hota, self.clear, self.identity
        ratios = {
            "HOTA": h.hota, "DetA": h.det_a, "AssA": h.ass_a, "DetRe": h.det_re,
            "DetPr": h.det_pr, "AssRe": h.ass_re, "AssPr": h.ass_pr, "LocA": h.loc_a,
            "MOTA": c.mota, "MOTP": c.motp, "Rcll": c.recall, "Prcn": c.precision,
            "IDF1": i.idf1, "IDR": i.recall, "IDP": i.precision,
        }  # fmt: skip
        counts = {
            "TP": c.true_positives, "FP": c.false_positives, "FN": c.false_negatives,
            "IDSW": c.id_switches, "Frag": c.fragmentations,
            "IDTP": i.true_positives, "IDFP": i.false_positives, "IDFN": i.false_negatives,
        }  # fmt: skip
        return {name: 100 * ratio for name, ratio in ratios.items()} | counts


def score(truth: TrackBoxes, tracks: TrackBoxes) -> TrackingScore:
    """Score the tracks of one sequence against its ground truth."""
    sequence = pair(truth, tracks)
    return TrackingScore(hota(sequence), clear(sequence), identity(sequence))


def format_table(result: TrackingScore) -> str:
    """Return two aligned lines: the names of the main figures, and the figures."""
    figures = result.as_dict()
    cells = [
        str(figures[name]) if isinstance(figures[name], int) else f"{figures[name]:.2f}"
        for name in _COLUMNS
    ]
    widths = [max(len(name), len(cell)) for name, cell in zip(_COLUMNS, cells, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in (_COLUMNS, cells)
    )


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
        result = score(truth, tracks)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(json.dumps(result.as_dict()) if args.json else format_table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
