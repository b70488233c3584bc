"""What windows are made of: silhouettes, or optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rt_gait.gait.flow import FlowEncoder
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import Frame, Silhouette, Step


class Encoder(Protocol):
    """Turns each frame into what windows are made of."""

    def encode(self, frame: Frame, silhouettes: Sequence[Silhouette]) -> Sequence[Step]:
        """Return at most one step of a window for each usable silhouette of the next frame."""
        ...


class SilhouetteEncoder:
    """Silhouettes as they are."""

    def encode(self, _frame: Frame, silhouettes: Sequence[Silhouette]) -> Sequence[Step]:
        """Return the silhouettes."""
        return silhouettes


def encoder_for(info: ModelInfo) -> Encoder:
    """Return what a gait model's windows are made by."""
    return FlowEncoder() if info.text("modality") == "flow" else SilhouetteEncoder()
