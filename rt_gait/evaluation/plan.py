"""How well a model recognises people on the very engine it was built into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rt_gait.errors import UsageError
from rt_gait.evaluation.embedding import embed_sequences
from rt_gait.evaluation.layout import list_files, read_files
from rt_gait.evaluation.published import layout_protocol
from rt_gait.evaluation.report import Setting, as_json, evaluate_models
from rt_gait.gait.embedder import window_shape
from rt_gait.gait.inputs import model_input
from rt_gait.gait.network import embeddings
from rt_gait.serving.check import Network
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import Embedding, Window

_PROTOCOL, _FPS, _MOST_WINDOWS = "sessions", 25.0, 8


class EngineEmbedder:
    """A :class:`~rt_gait.gait.embedder.GaitEmbedder` around a network that is loaded already."""

    def __init__(self, info: ModelInfo, network: Network) -> None:
        self.info = info
        self.shape = window_shape(info)
        self._batch = model_input(info)
        self._network = network

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        """Embed windows, in order."""
        if not windows:
            return []
        return embeddings(windows, self._network.run(self._batch(windows))[0])


def check_can_judge(info: ModelInfo, folder: Path) -> None:
    """Check that accuracy can be measured, before an engine is built for minutes.

    Raises:
        UsageError: the model does not take windows of silhouettes, or there are no sequences.
        SourceOpenError: the folder cannot be read.
    """
    if info.parameters.get("modality") != "silhouette" or "kind" in info.parameters:
        raise UsageError(
            f"--data measures models that take windows of silhouettes; {info.name!r} does not"
        )
    list_files(folder)


def accuracy(info: ModelInfo, network: Network, folder: Path) -> dict[str, Any]:
    """Measure recognition as ``rt-gait evaluate FOLDER --protocol sessions`` does; its report.

    Args:
        info: the model.
        network: what runs it.
        folder: silhouettes as ``<id>/<type>/<view>/000.pkl``; first types are enrolled.

    Raises:
        UsageError: the data lack what the protocol needs.
        SourceOpenError: the data set cannot be read.
        DamagedInputError: one of its files holds something else.
    """
    protocol = layout_protocol(_PROTOCOL, None, [])
    files = [f for f in list_files(folder) if protocol.wants(f.about)]
    embedded = embed_sequences(
        EngineEmbedder(info, network), read_files(files, _FPS), most_windows=_MOST_WINDOWS
    )
    results = evaluate_models({info.key: embedded}, protocol.evaluate)
    return as_json(Setting(_PROTOCOL, folder.name, _MOST_WINDOWS, "ordered"), results)
