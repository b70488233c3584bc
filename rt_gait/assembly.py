"""Putting a pipeline together from settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rt_gait.config import Settings
from rt_gait.detect.detector import open_detector
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info, window_shape
from rt_gait.identity.fusion import Identifier, Thresholds
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.matching import Templates
from rt_gait.identity.records import TemplateKey
from rt_gait.pipeline import Pipeline
from rt_gait.serving.repository import ModelInfo

DETECTOR_MIN_SCORE = 0.3
"""Weaker detections do more harm than good: on PETS09-S2L1 they cost more swaps than they heal."""


@dataclass(frozen=True)
class Assembled:
    """A pipeline and what its users need to know of its parts."""

    pipeline: Pipeline
    key: TemplateKey
    model: ModelInfo
    names: Mapping[str, str] = field(default_factory=dict)
    """Subject id to name."""
    gallery_revision: int | None = None


def check_models(settings: Settings) -> None:
    """Find out quickly whether the models and the gallery exist, before anything is loaded.

    Raises:
        UsageError: a name or a threshold is wrong, or the gallery is.
        ModelError: a configuration is broken.
    """
    info = gait_model_info(settings.models_dir, settings.model)
    window_shape(info)
    thresholds(settings, info)
    if settings.gallery is not None:
        with Gallery.open(settings.gallery, read_only=True):
            pass


def assemble(settings: Settings) -> Assembled:
    """Load the models and the gallery.

    Raises:
        UsageError: a name is wrong, or the gallery is of other models.
        ModelError: a model cannot be loaded.
    """
    # Imported here: filterpy and scipy take a second that a wrong path need not wait for.
    from rt_gait.track.sort import SortTracker

    info = gait_model_info(settings.models_dir, settings.model)
    detector = open_detector(
        settings.detector, models_dir=settings.models_dir, min_score=DETECTOR_MIN_SCORE
    )
    key = TemplateKey(model=info.key, segmenter=detector.key)
    templates, names, revision = _read_gallery(settings.gallery, key)
    pipeline = Pipeline(
        detector=detector,
        tracker=SortTracker(),
        embedder=OnnxGaitEmbedder(info),
        identifier=Identifier(templates, thresholds(settings, info)),
    )
    return Assembled(pipeline, key, info, names, revision)


def thresholds(settings: Settings, info: ModelInfo) -> Thresholds:
    """Return the user's thresholds, or those the model came with.

    Raises:
        UsageError: they contradict one another.
        ModelError: the model has none.
    """

    def pick(given: float | None, parameter: str) -> float:
        return info.number(parameter) if given is None else given

    return Thresholds(
        known=pick(settings.known_score, "known_score"),
        candidate=pick(settings.candidate_score, "candidate_score"),
        margin=pick(settings.margin, "margin"),
    )


def _read_gallery(
    path: Path | None, key: TemplateKey
) -> tuple[Templates, dict[str, str], int | None]:
    if path is None:
        return Templates.none(), {}, None
    with Gallery.open(path, read_only=True) as gallery:
        return gallery.templates(key), gallery.names(), gallery.revision
