"""The command ``evaluate``: how well models recognise the walkers of a data set.

    python -m rt_gait.training evaluate --data walkers/ --model gei gait2d --out evaluation/
    python -m rt_gait.training evaluate --data takes.npz --model gei gait2d --out evaluation/

Embeddings are kept in the output folder, so that a second run only computes the report. A file of
them is used only if everything that it depends on is the same: the network, the windows it wants,
the data set to the byte, the split, and the options.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from rt_gait import __version__
from rt_gait.errors import DamagedInputError, UsageError

from .walkers.command import natural, positive, whole

if TYPE_CHECKING:
    from rt_gait.evaluation.embedding import Embedded
    from rt_gait.evaluation.sequences import GaitSequence
    from rt_gait.evaluation.takes import Take
    from rt_gait.gait.embedder import OnnxGaitEmbedder

    from .walkers.data.reader import SilhouetteSet

_LAYOUT = 1


def add_parsers(commands: Any) -> None:
    """Add the command to ``argparse``'s."""
    from rt_gait.serving.repository import default_models_dir

    parser = commands.add_parser("evaluate", help="measure how well models recognise walkers")
    parser.set_defaults(run=_evaluate)
    parser.add_argument(
        "--data", type=Path, required=True, help="data set (walkers make), or takes (filmed)"
    )
    parser.add_argument("--split", default="test", help="of the data set")
    parser.add_argument("--model", nargs="+", required=True, help="gait models to compare")
    parser.add_argument(
        "--models-dir", type=Path, default=default_models_dir(), help="their folder"
    )
    parser.add_argument("--most-windows", type=positive, default=3, help="of one sequence")
    parser.add_argument("--subjects", type=natural, default=0, help="use only the first of them")
    parser.add_argument(
        "--frames-order",
        choices=("ordered", "shuffled", "frozen"),
        default="ordered",
        help="of the frames of a window; the others show how much is owed to motion",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of report and embeddings")


def _evaluate(options: argparse.Namespace) -> None:
    from rt_gait.evaluation.filmed import evaluate_filmed
    from rt_gait.evaluation.plots import check_plots, write_plots
    from rt_gait.evaluation.report import Setting, evaluate_models, write_report
    from rt_gait.evaluation.walkers import evaluate_walkers
    from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info

    check_plots()
    digest = data_digest(options.data, options.split)
    options.out.mkdir(parents=True, exist_ok=True)
    infos = [gait_model_info(options.models_dir, n) for n in dict.fromkeys(options.model)]
    filmed = options.data.is_file()
    people: _Filmed | _Walkers = (
        _Filmed(options.data, options.subjects)
        if filmed
        else _Walkers(options.data, options.split, options.subjects)
    )
    embedded = {
        info.key: _embedded(OnnxGaitEmbedder(info), people, digest, options) for info in infos
    }
    data = f"{options.data.name}@{digest}" + ("" if filmed else f" {options.split}")
    protocol, evaluate = ("filmed", evaluate_filmed) if filmed else ("walkers", evaluate_walkers)
    setting = Setting(protocol, data, options.most_windows, options.frames_order)
    results = evaluate_models(embedded, evaluate)
    for path in [*write_report(options.out, setting, results), *write_plots(options.out, results)]:
        print(path)


def data_digest(folder: Path, split: str) -> str:
    """Return 16 hexadecimal digits that change with every byte of a split of a data set, or file.

    Raises:
        UsageError: there is no data set, or nothing of that split.
    """
    files = [folder]
    if not folder.is_file():
        files = sorted(folder.glob(f"{split}-*.npz"))
        if not files:
            raise UsageError(f"{folder} holds no data set with a split {split!r}")
        files[:0] = [folder / "dataset.json", folder / "manifest.csv"]
    digest = hashlib.sha256()
    for path in files:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise UsageError(f"{folder} holds no data set: {error}") from error
    return digest.hexdigest()[:16]


class _Walkers:
    """The sequences of a split, read when the first model needs them."""

    def __init__(self, folder: Path, split: str, subjects: int) -> None:
        self._folder, self._split, self._subjects = folder, split, subjects

    @cached_property
    def _data(self) -> SilhouetteSet:
        from .walkers.data.reader import SilhouetteSet

        return SilhouetteSet.load(self._folder, self._split)

    def sequences(self) -> Iterator[GaitSequence]:
        """Give the sequences of the first subjects, or of all."""
        from rt_gait.evaluation.sequences import GaitSequence
        from rt_gait.evaluation.walkers import walker_info

        data = self._data
        names = list(dict.fromkeys(row["subject"] for row in data.rows))
        kept = set(names[: self._subjects or None])
        for row, begin, end in zip(data.rows, data.start[:-1], data.start[1:], strict=True):
            if row["subject"] not in kept:
                continue
            try:
                about, fps = walker_info(row), float(row["fps"])
            except (KeyError, ValueError) as error:
                raise DamagedInputError(
                    f"manifest.csv lacks something or is damaged ({error}): {self._folder}"
                ) from error
            yield GaitSequence.at_fps(about, data.silhouettes[begin:end], fps)


class _Filmed:
    """The walks of people filmed in colour, read when the first model needs them."""

    def __init__(self, path: Path, subjects: int) -> None:
        self._path, self._subjects = path, subjects

    @cached_property
    def _takes(self) -> list[Take]:
        from rt_gait.evaluation.takes import read_takes

        return read_takes(self._path)[0]

    def sequences(self) -> Iterator[GaitSequence]:
        """Give the walks of the first subjects, or of all."""
        from rt_gait.evaluation.filmed import filmed_sequences

        names = list(dict.fromkeys(take.subject for take in self._takes))
        kept = set(names[: self._subjects or None])
        return filmed_sequences(take for take in self._takes if take.subject in kept)


def _embedded(
    embedder: OnnxGaitEmbedder,
    people: _Walkers | _Filmed,
    digest: str,
    options: argparse.Namespace,
) -> Embedded:
    """Return a model's embeddings, from the output folder if they are there."""
    from rt_gait.evaluation.embedding import FramesOrder, embed_sequences

    record = json.dumps(
        {
            "layout": _LAYOUT,
            "rt_gait": __version__,
            "model": embedder.info.key,
            "windows": asdict(embedder.shape),
            "data": digest,
            "split": options.split,
            "subjects": options.subjects,
            "most_windows": options.most_windows,
            "frames_order": options.frames_order,
        }
    )
    short = hashlib.sha256(record.encode()).hexdigest()[:8]
    path = options.out / f"{embedder.info.key}_{digest}_{short}.npz"
    found = read_embeddings(path, record)
    if found is None:
        order = FramesOrder(options.frames_order)
        found = embed_sequences(
            embedder, people.sequences(), most_windows=options.most_windows, order=order
        )
        write_embeddings(path, record, found)
    lost, count = int((~found.acquired).sum()), len(found.about)
    print(f"{embedder.info.key}: {count} sequences, {lost} without a window", file=sys.stderr)
    return found


def write_embeddings(path: Path, record: str, embedded: Embedded) -> None:
    """Write embeddings and the ``record`` of all that they depend on."""
    import numpy as np

    about = json.dumps([[a.subject, a.session, a.view_deg, a.labels] for a in embedded.about])
    with whole(path) as part:
        np.savez(
            part,
            record=np.array(record),
            about=np.array(about),
            start=embedded.start,
            windows=embedded.windows,
        )


def read_embeddings(path: Path, record: str) -> Embedded | None:
    """Return what was written with the same ``record``, or None: absent, damaged or of another."""
    import numpy as np

    from rt_gait.evaluation.embedding import Embedded
    from rt_gait.evaluation.sequences import SequenceInfo

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if str(data["record"]) != record:
                return None
            about = tuple(SequenceInfo(*row) for row in json.loads(str(data["about"])))
            return Embedded(about, data["start"], data["windows"])
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile):
        return None
