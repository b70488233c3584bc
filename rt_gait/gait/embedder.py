"""From windows to embeddings, with a model of the repository."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from rt_gait.errors import ModelError, UsageError
from rt_gait.gait.flow import SIDE_PX
from rt_gait.gait.inputs import Batch
from rt_gait.gait.network import Network, Request, WholeNetwork, batches, embeddings, finish
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.gait.stream import StreamNetwork
from rt_gait.gait.windows import WindowShape
from rt_gait.reasons import WindowLoss
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo, load_info, model_names
from rt_gait.types import Embedding, Window

STRIDES_PER_WINDOW = 3
"""Windows of a track start every third of a window: 0.4 s at 30 frames of 25 Hz."""


_NOUNS = {"silhouette": "silhouettes", "flow": "flow"}


class GaitEmbedder(Protocol):
    """Turns windows into vectors that are close for one person and far for two."""

    @property
    def info(self) -> ModelInfo:
        """The model's configuration."""
        ...

    @property
    def shape(self) -> WindowShape:
        """The windows it wants."""
        ...

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        """Embed windows, in order, as many in one request as the model allows."""
        ...


class PipelineEmbedder(Protocol):
    """A gait model as a pipeline has it, whether its answers are waited for or not."""

    @property
    def info(self) -> ModelInfo:
        """The model's configuration."""
        ...

    @property
    def shape(self) -> WindowShape:
        """The windows it wants."""
        ...

    def take_lost(self) -> list[tuple[int, WindowLoss]]:
        """Return the tracks of windows given up since the last call, each with the reason."""
        ...

    def exchange(self, windows: Sequence[Window], alive: Collection[int]) -> list[Embedding]:
        """Hand in windows that fell due; take what has come of them, or of those before.

        Args:
            windows: Of tracks that are alive.
            alive: Tracks whose results are still wanted.
        """
        ...

    def finish(self) -> None:
        """Give up what is still on its way, at the end of the source."""
        ...


class Waited:
    """Makes a :class:`GaitEmbedder` a :class:`PipelineEmbedder` whose answers are waited for."""

    def take_lost(self) -> list[tuple[int, WindowLoss]]:
        """Return none: nothing is given up."""
        return []

    @abstractmethod
    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        """Embed windows, in order."""

    def exchange(self, windows: Sequence[Window], _alive: Collection[int]) -> list[Embedding]:
        """Embed windows that fell due."""
        return self.embed(windows) if windows else []

    def finish(self) -> None:
        """Nothing is on its way."""


def gait_model_info(
    models_dir: Path, name: str, modalities: Sequence[str] = ("silhouette",)
) -> ModelInfo:
    """Read the configuration of a gait model.

    Args:
        models_dir: the model repository.
        name: of the model.
        modalities: what there is for the model to take; ``silhouette``, ``flow``.

    Raises:
        UsageError: there is no such model, or it is something else.
        ModelError: its configuration is broken.
    """
    info = load_info(models_dir, name)
    if info.text("modality") not in modalities:
        fitting = ", ".join(n for m in modalities for n in model_names(models_dir, m)) or "none"
        wanted = " or ".join(_NOUNS[m] for m in modalities)
        raise UsageError(
            f"{name!r} takes {info.text('modality')}, not {wanted}; gait models: {fitting}"
        )
    return info


def is_untrained(info: ModelInfo) -> bool:
    """Whether a model says of itself that its weights are random."""
    return info.parameters.get("untrained") == "true"


def window_shape(info: ModelInfo) -> WindowShape:
    """Return the windows a model wants.

    Raises:
        ModelError: its configuration asks for silhouettes, or flow, of another size.
    """
    modality = info.text("modality")
    size = (int(info.number("height")), int(info.number("width")))
    made = (SIDE_PX, SIDE_PX) if modality == "flow" else (HEIGHT_PX, WIDTH_PX)
    if size != made:
        raise ModelError(
            f"model {info.name!r} wants {_NOUNS.get(modality, modality)} of {size[0]}x{size[1]} "
            f"pixels; rt-gait makes {made[0]}x{made[1]}"
        )
    frames, cadence_hz = int(info.number("frames")), info.number("cadence_hz")
    if frames < 1 or cadence_hz <= 0:
        raise ModelError(f"model {info.name!r}: frames and cadence_hz must be above 0")
    return WindowShape(frames, cadence_hz, frames / cadence_hz / STRIDES_PER_WINDOW)


class OnnxGaitEmbedder(Waited):
    """A gait model run in-process by ONNX Runtime.

    Raises:
        ModelError: the network is missing, broken, or differs from its configuration.
    """

    def __init__(self, info: ModelInfo) -> None:
        self.info = info
        self.shape = window_shape(info)
        self._network = open_network(info)
        self._engines = {m.name: OnnxModel(m.onnx_path, m) for m in self._network.models}

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        """Embed windows, in order, as many in one request as the model allows."""
        found: list[Embedding] = []
        for part in batches(self.info, windows):
            found += embeddings(part, finish(self._network.job(part), self._answer))
        return found

    def _answer(self, requests: list[Request]) -> list[Batch]:
        return [self._engines[r.model.name].run(r.batch)[0] for r in requests]


def open_network(info: ModelInfo) -> Network:
    """Return the network that a model's parameter ``kind`` names.

    Raises:
        ModelError: there is no such kind, or the configuration does not fit it.
    """
    kinds: dict[str, Callable[[ModelInfo], Network]] = {
        "whole": WholeNetwork,
        "stream": StreamNetwork,
    }
    kind = info.parameters.get("kind", "whole")
    if kind not in kinds:
        raise ModelError(f"model {info.name!r}: kind should be {' or '.join(kinds)}, not {kind!r}")
    return kinds[kind](info)
