"""Asking a Triton server whether it is well, and has the models that are here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rt_gait.errors import ModelError
from rt_gait.serving.call import Call
from rt_gait.serving.repository import ModelInfo, TensorSpec, info_of

_SAME_PARAMETERS = ("modality", "layout", "frames", "cadence_hz", "height", "width", "checkpoint")
"""Those of ``config.pbtxt`` that say what goes in and which weights answer."""


class Probe:
    """A question after a server's health, on its way."""

    def __init__(self, models: Sequence[ModelInfo], calls: Sequence[Call], url: str) -> None:
        self._models = models
        self._calls = calls
        self._url = url

    @property
    def done(self) -> bool:
        """Whether waiting is over."""
        return all(call.done for call in self._calls)

    def verify(self) -> None:
        """Wait for the answer.

        Raises:
            ServerError: there is none.
            ModelError: it tells of other models, or of smaller batches than are sent.
        """
        for info, agreed in zip(self._models, self.agreed(), strict=True):
            if agreed.max_batch_size < info.max_batch_size:
                raise ModelError(
                    f"model {info.name!r}: the server took batches of {info.max_batch_size}, and "
                    f"now takes {agreed.max_batch_size}; start again: {self._url}"
                )

    def agreed(self) -> tuple[ModelInfo, ...]:
        """Wait for the answer; return the models with the smaller largest batch of both sides.

        Raises:
            ServerError: there is none.
            ModelError: it tells of other models.
        """
        return tuple(map(self._agree, self._models, self._calls))

    def _agree(self, info: ModelInfo, call: Call) -> ModelInfo:
        served = info_of(call.reply().config, info.folder)
        for what, ours, theirs in _differences(info, served):
            raise ModelError(
                f"model {info.name!r}: {what} should be {ours}, as in "
                f"{info.folder / 'config.pbtxt'}, and is {theirs} on the server; give both "
                f"the same model repository: {self._url}"
            )
        if served.max_batch_size < info.max_batch_size:
            return replace(info, max_batch_size=served.max_batch_size)
        return info


def _differences(ours: ModelInfo, theirs: ModelInfo) -> list[tuple[str, str, str]]:
    """Return what differs between two configurations, ours and theirs, in words."""
    pairs = [
        ("max_batch_size", _batching(ours), _batching(theirs)),
        ("input", _told(ours.inputs), _told(theirs.inputs)),
        ("output", _told(ours.outputs), _told(theirs.outputs)),
    ]
    mine, other = ours.parameters, theirs.parameters
    both = [key for key in _SAME_PARAMETERS if key in mine and key in other]
    pairs += [(f"parameter {key}", mine[key], other[key]) for key in both]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _batching(info: ModelInfo) -> str:
    """Whether inputs have a dimension for the batch at all."""
    return "1 or more" if info.max_batch_size else "0"


def _told(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{s.name} {s.data_type} {list(s.dims)}" for s in specs)
