"""Putting a pipeline together from settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from rt_gait.config import Settings
from rt_gait.detect.detector import ON_SERVER, Detector, open_detector
from rt_gait.detect.triton import TritonDetector
from rt_gait.errors import UsageError
from rt_gait.gait.embedder import (
    OnnxGaitEmbedder,
    PipelineEmbedder,
    gait_model_info,
    is_untrained,
    window_shape,
)
from rt_gait.gait.triton import open_served
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.matching import Templates
from rt_gait.identity.records import TemplateKey
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.limits import outgrown, thresholds, thresholds_given
from rt_gait.pipeline import Pipeline
from rt_gait.serving.endpoint import Endpoint, token_from_environment
from rt_gait.serving.health import Outage
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.served import ServedModels, wait_until_ready
from rt_gait.serving.triton import TritonClient
from rt_gait.track.stitch import Stitcher

NOBODY = Thresholds(known=1, candidate=1, margin=0)
"""For comparing with nobody."""
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
    warning: str | None = None
    """What users must be told before they believe a result."""
    limits: Thresholds = NOBODY
    """Where claims begin in this run."""


def assemble(
    settings: Settings,
    *,
    sources: int = 1,
    live: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda _line: None,
) -> Assembled:
    """Read the configurations, open the gallery, and only then load the models.

    Args:
        settings: What the user wants.
        sources: How many there are.
        live: Whether the source goes on without waiting for results.
        stopped: Whether the run is to end: waits for a server then do.
        tell: Takes a line for the user, during a live run.

    Raises:
        UsageError: a name or a threshold is wrong, or the gallery is of other models.
        ModelError: a model cannot be loaded, or a server is not there.
    """
    info = gait_model_info(settings.models_dir, settings.model, ("silhouette", "flow"))
    window_shape(info)
    warning = _check_trained(settings, info)
    path = settings.gallery
    if path is None or "known_score" in info.parameters:
        thresholds(settings, info)
    with nullcontext() if path is None else Gallery.open(path, read_only=True) as gallery:
        # Imported here: filterpy and scipy take a second that a wrong name need not wait for.
        from rt_gait.track.sort import SortTracker

        server = (
            None
            if settings.triton is None
            else Server(settings, live=live, stopped=stopped, tell=tell)
        )
        detector = open_detector(
            settings.detector,
            models_dir=settings.models_dir,
            min_score=DETECTOR_MIN_SCORE,
            serve=None if server is None else server.detector,
        )
        key = TemplateKey(model=info.key, segmenter=detector.key)
        templates = Templates.none() if gallery is None else gallery.templates(key)
        found = None if gallery is None else gallery.calibration(key)
        limits = thresholds(settings, info, found)
        if limits is None:
            templates, limits = Templates.none(), NOBODY
        warning = warning or outgrown(found, templates)
        names = {} if gallery is None else gallery.names()
        for subject_id in sorted(set() if gallery is None else gallery.expired()):
            tell(f"the consent of {names.get(subject_id, subject_id)} has expired: not recognised")
        revision = None if gallery is None else gallery.revision
    pipeline = Pipeline(
        detector=detector,
        embedder=OnnxGaitEmbedder(info) if server is None else server.embedder(info),
        lanes=[
            Lane(
                info,
                tracker=SortTracker(first_id=k + 1, id_step=sources),
                identifier=Identifier(templates, limits),
                stitcher=stitcher(info),
            )
            for k in range(sources)
        ],
    )
    return Assembled(pipeline, key, info, names, revision, warning, limits)


class Server:
    """The Triton server of the settings, and the models a run has there; one connection to all.

    Args:
        settings: Where it is.
        live: Whether the source goes on without waiting for results.
        stopped: Whether the run is to end: long waits then do.
        tell: Takes a line for the user when a live run loses the server, and when it is back.

    Raises:
        UsageError: its address, or the way in, makes no sense.
        ModelError: it is not ready in time, or does not let us in.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        live: bool = False,
        stopped: Callable[[], bool] = lambda: False,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._live, self._stopped = live, stopped
        endpoint = Endpoint(
            settings.triton or "",
            tls=settings.triton_tls or settings.triton_ca is not None,
            ca=settings.triton_ca,
            token=token_from_environment(),
        )
        missed = "nobody is seen" if settings.detector.startswith(ON_SERVER) else "names wait"
        self._outage = Outage(
            f"the server {endpoint.address} does not answer; {missed}; trying again",
            f"the server {endpoint.address} answers again",
            tell,
        )
        self._client = TritonClient(endpoint)
        wait_until_ready(self._client, settings.wait_triton)

    def detector(self, info: ModelInfo) -> Detector:
        """Open a person segmenter."""
        # A picture and its answer are megabytes: by message half of the time on the way to it.
        served = ServedModels(self._client, [info], stopped=self._stopped, share=True)
        note = self._outage.note
        return TritonDetector(
            info, served, min_score=DETECTOR_MIN_SCORE, live=self._live, note=note
        )

    def embedder(self, info: ModelInfo) -> PipelineEmbedder:
        """Open a gait model."""
        return open_served(
            info, self._client, live=self._live, stopped=self._stopped, note=self._outage.note
        )


def stitcher(info: ModelInfo) -> Stitcher | None:
    """Return what joins broken tracks by a gait model; an untrained one cannot.

    Raises:
        ModelError: a number of the model's configuration is missing.
    """
    if is_untrained(info):
        return None
    least = info.number("candidate_score")
    return Stitcher(least_similarity=least, margin=info.number("margin"))


def _check_trained(settings: Settings, info: ModelInfo) -> str | None:
    """Return the warning that goes with an untrained model.

    Raises:
        UsageError: nobody asked for it by name.
    """
    if not is_untrained(info):
        return None
    if "model" not in settings.model_fields_set:
        raise UsageError(
            f"the default gait model {info.name!r} is untrained and cannot tell people apart; "
            f"choose another, or say --model {info.name} to run it all the same"
        )
    told = f"gait model {info.name!r} is untrained and cannot tell people apart: "
    if thresholds_given(settings):
        return told + "the names it gives mean nothing"
    return (
        told + "nobody is compared with the gallery; to compare all the same, "
        "give --known-score, --candidate-score and --margin"
    )
