"""Names on real video: first halves of everybody's walk enrolled, second halves named.

    python -m rt_gait.bench.identity.real --video vtest.avi --fps 7 --gt gt.txt

``rt-gait`` follows people and makes silhouettes; whose they are, the ground truth says. Half of the
people, drawn anew some times, are left out of the gallery and are strangers. Thresholds are those
of ``rt-gait calibrate --walkers``: no stranger had a part in them. Same clothes, camera and minute,
as with ``rt_gait.bench.halves``: no evidence of recognition on another day.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from rt_gait.bench.halves import halves, walks_of
from rt_gait.bench.tracking import record
from rt_gait.errors import RtGaitError
from rt_gait.evaluation.strangers import stranger_tracks
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.walking import judged
from rt_gait.identity.calibration import calibrate
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.learning import WINDOWS_LEAST, is_clear
from rt_gait.identity.matching import Templates
from rt_gait.identity.searches import among_themselves, search
from rt_gait.identity.thresholds import Thresholds
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.mot import read_ground_truth
from rt_gait.types import Embedding, FloatArray, Identity, IdentityState, Window

DRAWS = 10
FPIRS = (0.01, 0.05, 0.1)
_STEP_SECS = 0.1


@dataclass(frozen=True, eq=False)
class Half:
    """What a person's half gave: embeddings, each with the ends of its window."""

    vectors: FloatArray
    spans_secs: tuple[tuple[float, float], ...]


def embed(embedder: OnnxGaitEmbedder, windows: Sequence[Window]) -> Half:
    """Embed the windows in which the person walks."""
    kept = [j for w in windows if (j := judged(w))] or list(windows)
    vectors = np.stack([e.vector for e in embedder.embed(kept)])
    return Half(vectors, tuple((w.start_secs, w.end_secs) for w in kept))


def name(
    first: Mapping[int, Half],
    second: Mapping[int, Half],
    limits_of: Callable[[Templates], Thresholds],
) -> Counter[str]:
    """Enrol half of the people by their first halves and name all second halves, many times."""
    people = sorted(first)
    counts: Counter[str] = Counter()
    for draw in range(DRAWS):
        order = np.random.default_rng([19795, draw]).permutation(people)
        enrolled = sorted(order[: len(people) // 2].tolist())
        templates = Templates(
            tuple(map(str, enrolled)),
            np.repeat(np.arange(len(enrolled)), [len(first[p].vectors) for p in enrolled]),
            np.concatenate([first[p].vectors for p in enrolled]),
        )
        limits = limits_of(templates)
        counts.update(_run(Identifier(templates, limits), limits, second))
    return counts


def calibrated(
    templates: Templates, strangers: Sequence[FloatArray], margin: float, fpir: float
) -> Thresholds:
    """Return the thresholds that ``rt-gait calibrate --walkers`` would find."""
    synthetic = [
        s
        for k, v in enumerate(strangers)
        if (s := search(v, templates, person=str(k), subject_id=None, min_windows=2)[0])
    ]
    pools = (synthetic, among_themselves(templates))
    made = [calibrate(pool, [], fpir=fpir, subjects=len(templates)) for pool in pools]
    found = max(made, key=lambda c: c.known)
    return Thresholds(known=found.known, candidate=found.candidate, margin=margin)


def _run(identifier: Identifier, limits: Thresholds, second: Mapping[int, Half]) -> Counter[str]:
    counts: Counter[str] = Counter()
    shown: dict[int, set[str]] = {p: set() for p in second}
    settled: dict[int, Identity] = {}
    start, end = (
        pick(s[k] for half in second.values() for s in half.spans_secs)
        for pick, k in ((min, 0), (max, 1))
    )
    enrolled = set(identifier.subject_ids)
    for now in np.arange(start, end + _STEP_SECS, _STEP_SECS).tolist():
        identifier.add(
            [
                Embedding(person, span[1], vector)
                for person, half in second.items()
                for vector, span in zip(half.vectors, half.spans_secs, strict=True)
                if now - _STEP_SECS < span[1] <= now
            ]
        )
        present = [
            p for p, h in second.items() if h.spans_secs[0][0] <= now <= h.spans_secs[-1][1] + 0.4
        ]
        names = []
        for person, identity in identifier.decide(present).items():
            if identity.state is not IdentityState.INSUFFICIENT:
                settled[person] = identity
            if identity.state is IdentityState.KNOWN:
                names.append(str(identity.subject_id))
                shown[person].add(str(identity.subject_id))
        counts["moments with somebody named"] += bool(names)
        counts["moments with a name twice"] += len(names) > len(set(names))
    for person, half in second.items():
        if len(half.vectors) < 2:
            continue
        kind = "enrolled" if str(person) in enrolled else "strangers"
        counts[kind] += 1
        counts[f"{kind} shown as themselves"] += str(person) in shown[person]
        counts[f"{kind} shown as another"] += bool(shown[person] - {str(person)})
        if len(half.vectors) >= WINDOWS_LEAST and len(shown[person]) == 1:
            proposed = is_clear(settled[person], limits)
            right = shown[person] == {str(person)}
            counts["proposed by --learn, rightly"] += proposed and right
            counts["proposed by --learn, wrongly"] += proposed and not right
    return counts


def _print(counts: Counter[str]) -> None:
    for line, count in counts.items():
        print(f"{count:6d} {line}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.identity.real")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--gt", type=Path, required=True, metavar="FILE", help="MOT15 gt.txt")
    parser.add_argument("--fps", type=float, help="frame rate, where the file's is wrong")
    parser.add_argument("--model", default="gait3d")
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    asked = parser.parse_args(argv)
    try:
        info = gait_model_info(asked.models_dir, asked.model)
        embedder = OnnxGaitEmbedder(info)
        with tempfile.TemporaryDirectory(prefix="rt-gait-bench-") as folder:
            dump = Path(folder, "silhouettes")
            rate = () if asked.fps is None else ("--fps", str(asked.fps))
            # Tracks and silhouettes do not depend on the gait model: the lightest will do.
            record(asked.video, ("--dump-silhouettes", str(dump), "--model", "gei", *rate))
            tracks = walks_of(dump, read_ground_truth(asked.gt))
        parts = {p: halves(t, embedder.shape) for p, t in tracks.items()}
        first, second = (
            {p: embed(embedder, h[k]) for p, h in parts.items() if len(h) == 2} for k in (0, 1)
        )
        strangers = [
            np.stack([e.vector for e in embedder.embed(w)])
            for _, w in stranger_tracks(embedder.shape)
            if len(w) > 1
        ]
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(f"{info.key}: {len(first)} people with two halves, {DRAWS} draws of half of them")
    known, candidate, margin = (
        info.number(parameter) for parameter in ("known_score", "candidate_score", "margin")
    )
    own = Thresholds(known=known, candidate=candidate, margin=margin)
    print("thresholds of the model")
    _print(name(first, second, lambda _templates: own))
    for fpir in FPIRS:
        print(f"calibrated, FPIR asked {fpir:.0%}")
        limits_of = partial(calibrated, strangers=strangers, margin=margin, fpir=fpir)
        _print(name(first, second, limits_of))
    return 0


if __name__ == "__main__":
    sys.exit(main())
