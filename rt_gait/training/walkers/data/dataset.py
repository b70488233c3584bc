"""Data sets of silhouette sequences: shards, a manifest, and the same bytes for the same seed.

A data set is a folder: ``dataset.json`` (how and with what it was made, and the shards' hashes),
``manifest.csv`` (one row a sequence) and ``<split>-<number>.npz`` shards. A shard holds
``silhouettes`` (F, 64, 44) uint8, the kept frames of its sequences one after another, and
``start`` (S + 1,) int64, where each begins. Bytes are the same for the same seed, versions and
device.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait import __version__

from ..command import check_new_folder
from .filming import UInt8, film_subject, in_order
from .order import Order

#: Subjects in one shard, which one process films and writes.
SHARD_SUBJECTS = 5
LAYOUT = 1


def make(
    order: Order,
    out: Path,
    device: str,
    workers: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write a data set to the empty or new folder ``out``; what ``dataset.json`` says.

    It is written beside it and moved there when complete. ``report`` hears of every shard.

    Raises:
        UsageError: A number is out of its range.
        OutputError: The folder holds something already or cannot be written.
    """
    order.check()
    check_new_folder(out)
    draft = Path(tempfile.mkdtemp(prefix=f"{out.name}.", dir=out.parent))
    try:
        about = _write_all(order, draft, device, workers, report)
        draft.chmod(0o755)
        draft.replace(out)
    except BaseException:
        shutil.rmtree(draft)
        raise
    return about


def _write_all(
    order: Order, folder: Path, device: str, workers: int, report: Callable[[str], None]
) -> dict[str, Any]:
    hashes: dict[str, str] = {}
    count = frames = 0
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = None
        for done in in_order(partial(_film_shard, order, device, folder), _shards(order), workers):
            for row in done.rows:
                if table is None:
                    table = csv.DictWriter(file, list(row), lineterminator="\n")
                    table.writeheader()
                table.writerow(row)
            hashes[done.name] = done.sha256
            count, frames = count + len(done.rows), frames + sum(r["frames"] for r in done.rows)
            report(f"{done.name}: {count} sequences, {frames} frames so far")
    about = {
        "layout": LAYOUT,
        "made_with": _made_with(device),
        "order": asdict(order),
        "sequences": count,
        "frames": frames,
        "shards": hashes,
    }
    (folder / "dataset.json").write_text(json.dumps(about, indent=1) + "\n")
    return about


def _made_with(device: str) -> dict[str, str]:
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else device
    versions = {"rt-gait": __version__, "numpy": np.__version__, "torch": torch.__version__}
    return {**versions, "device": name}


@dataclass(frozen=True)
class _Shard:
    """Subjects ``first`` to before ``last`` of a split."""

    split: str
    first: int
    last: int


@dataclass(frozen=True)
class _Written:
    """A shard on disk and its rows of the manifest."""

    name: str
    rows: list[dict[str, Any]]
    sha256: str


def _shards(order: Order) -> Iterator[_Shard]:
    for split, count in order.subjects.items():
        for first in range(0, count, SHARD_SUBJECTS):
            yield _Shard(split, first, min(first + SHARD_SUBJECTS, count))


def _film_shard(order: Order, device: str, folder: Path, shard: _Shard) -> _Written:
    name = f"{shard.split}-{shard.first // SHARD_SUBJECTS:04d}.npz"
    numbers = range(shard.first, shard.last)
    filmed = [s for k in numbers for s in film_subject(order, device, (shard.split, k))]
    rows = [
        {"shard": name, "index": index, **row, "frames": len(own)}
        for index, (row, own) in enumerate(filmed)
    ]
    return _Written(name, rows, _write(folder / name, [own for _, own in filmed]))


def _write(path: Path, pictures: list[UInt8]) -> str:
    """Write a shard; its SHA-256."""
    start = np.cumsum([0, *(len(p) for p in pictures)], dtype=np.int64)
    np.savez_compressed(path, silhouettes=np.concatenate(pictures), start=start)
    return hashlib.sha256(path.read_bytes()).hexdigest()
