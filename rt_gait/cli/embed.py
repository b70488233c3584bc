"""Window embeddings of dumped silhouettes, for offline study."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait.config import load_settings
from rt_gait.errors import OutputError, UsageError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.windows import cut_windows
from rt_gait.outputs.output import check_file
from rt_gait.outputs.silhouettes import read_dump
from rt_gait.types import Window


def embed_command(
    config: Path | None, flags: Mapping[str, Any], *, files: Sequence[Path], out: Path
) -> None:
    """Write the embeddings of all windows, in order.

    The file holds ``embeddings`` [K, D] float32 of unit length; for each row ``file_index`` [K]
    int64, ``start_secs`` [K] and ``end_secs`` [K] float64; and ``files`` and ``model``.
    """
    settings = load_settings(config, **flags)
    if out.suffix != ".npz":
        raise UsageError(f"--out should end in .npz: {out}")
    check_file(out, overwrite=settings.overwrite)
    info = gait_model_info(settings.models_dir, settings.model)
    tracks = [read_dump(path) for path in files]
    embedder = OnnxGaitEmbedder(info)

    windows: list[Window] = []
    owners: list[int] = []
    for number, silhouettes in enumerate(tracks):
        due = list(cut_windows(silhouettes, embedder.shape))
        windows += due
        owners += [number] * len(due)
    vectors = [e.vector for e in embedder.embed(windows)]
    size = embedder.info.outputs[0].dims[0]
    try:
        np.savez_compressed(
            out,
            embeddings=np.stack(vectors) if vectors else np.zeros((0, size), np.float32),
            file_index=np.array(owners, np.int64),
            start_secs=np.array([w.start_secs for w in windows]),
            end_secs=np.array([w.end_secs for w in windows]),
            files=np.array([p.name for p in files]),
            model=np.array(info.key),
        )
    except OSError as error:
        raise OutputError(f"cannot write ({error.strerror}): {out}") from error
    sys.stderr.write(f"wrote {out}: {len(windows)} windows of {len(files)} files\n")
