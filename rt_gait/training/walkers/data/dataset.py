"""Data sets of silhouette sequences: shards, a manifest, and the same bytes for the same seed.

A data set is a folder: ``dataset.json`` (how and with what it was made, and the shards' hashes),
``manifest.csv`` (one row a sequence) and ``<split>-<number>.npz`` shards. A shard holds
``silhouettes`` (F, 64, 44) uint8, the kept frames of its sequences one after another, and
``start`` (S + 1,) int64, where each begins. Bytes are the same for the same seed, versions,
number of threads and device.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait import __version__

from ..command import check_new_folder
from .filming import Sequence, UInt8, subjects
from .order import Order

#: Subjects in one shard.
SHARD_SUBJECTS = 25
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
    with (folder / "manifest.csv").open("w", newline="") as file, ThreadPoolExecutor(4) as writers:
        table, pending = None, deque[tuple[str, Future[str]]]()
        for name, shard in _shards(order, workers, device):
            for index, (row, own) in enumerate(shard):
                whole = {"shard": name, "index": index, **row, "frames": len(own)}
                if table is None:
                    table = csv.DictWriter(file, list(whole), lineterminator="\n")
                    table.writeheader()
                table.writerow(whole)
            count, frames = count + len(shard), frames + sum(len(own) for _, own in shard)
            pending.append((name, writers.submit(_write, folder / name, [f for _, f in shard])))
            if len(pending) > 8:
                done, job = pending.popleft()
                hashes[done] = job.result()
            report(f"{name}: {count} sequences, {frames} frames so far")
        hashes |= {name: job.result() for name, job in pending}
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


def _shards(order: Order, workers: int, device: str) -> Iterator[tuple[str, list[Sequence]]]:
    filmed = subjects(order, workers, device)
    for split, count in order.subjects.items():
        shard: list[Sequence] = []
        for number in range(count):
            shard += next(filmed)
            if number + 1 == count or (number + 1) % SHARD_SUBJECTS == 0:
                yield f"{split}-{number // SHARD_SUBJECTS:04d}.npz", shard
                shard = []


def _write(path: Path, pictures: list[UInt8]) -> str:
    """Write a shard; its SHA-256."""
    start = np.cumsum([0, *(len(p) for p in pictures)], dtype=np.int64)
    np.savez_compressed(path, silhouettes=np.concatenate(pictures), start=start)
    return hashlib.sha256(path.read_bytes()).hexdigest()
