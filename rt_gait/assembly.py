"""Putting a pipeline together from settings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

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


def assemble(settings: Settings) -> Assembled:
    """Read the configurations, open the gallery, and only then load the models.

    Raises:
        UsageError: a name or a threshold is wrong, or the gallery is of other models.
        ModelError: a model cannot be loaded.
    """
    info = gait_model_info(settings.models_dir, settings.model)
    window_shape(info)
    limits = thresholds(settings, info)
    path = settings.gallery
    with nullcontext() if path is None else Gallery.open(path, read_only=True) as gallery:
        # Imported here: filterpy and scipy take a second that a wrong name need not wait for.
        from rt_gait.track.sort import SortTracker

        detector = open_detector(
            settings.detector, models_dir=settings.models_dir, min_score=DETECTOR_MIN_SCORE
        )
        key = TemplateKey(model=info.key, segmenter=detector.key)
        templates = Templates.none() if gallery is None else gallery.templates(key)
        names = {} if gallery is None else gallery.names()
        revision = None if gallery is None else gallery.revision
    pipeline = Pipeline(
        detector=detector,
        tracker=SortTracker(),
        embedder=OnnxGaitEmbedder(info),
        identifier=Identifier(templates, limits),
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
