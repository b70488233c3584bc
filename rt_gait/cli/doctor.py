"""``rt-gait doctor``: is everything there, and what to do about what is not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rt_gait.cli.run import versions
from rt_gait.config import Settings, load_settings
from rt_gait.energy.find import survey
from rt_gait.errors import ExitCode, MeterError, RtGaitError
from rt_gait.outputs.screen import has_display
from rt_gait.serving.repository import ModelInfo

if TYPE_CHECKING:
    from rt_gait.assembly import Server


class Subject:
    """What is examined: the settings, and their server, which is asked for once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._server: Server | RtGaitError | None = None

    def server(self) -> Server:
        """Return the connection, or raise again what there was in place of one."""
        from rt_gait.assembly import Server

        if self._server is None:
            try:
                self._server = Server(self.settings)
            except RtGaitError as error:
                self._server = error
        if isinstance(self._server, RtGaitError):
            raise self._server
        return self._server


def doctor_command(config: Path | None) -> int:
    """Print one line for each part; return 0 when the main job can run."""
    settings = load_settings(config)
    for name, number in versions().items():
        _line("ok", name, number)
    subject = Subject(settings)
    needed: list[tuple[str, Callable[[Subject], str]]] = [
        ("OpenCV", _opencv),
        ("segmenter", _segmenter),
        ("gait model", _gait_model),
    ]
    if settings.triton is not None:
        needed.append(("Triton", _triton))
    if settings.gallery is not None:
        needed.append(("gallery", _gallery))
    broken = [name for name, check in needed if not _try(name, check, subject)]
    _optional()
    return ExitCode.MODEL if broken else ExitCode.OK


def _try(name: str, check: Callable[[Subject], str], subject: Subject) -> bool:
    try:
        _line("ok", name, check(subject))
    except RtGaitError as error:
        _line("BAD", name, str(error))
        return False
    return True


def _opencv(_subject: Subject) -> str:
    installed = packages_distributions().get("cv2", [])
    if len(installed) > 1:
        names = " and ".join(installed)
        raise RtGaitError(f"{names} are installed over one another; keep one: pip uninstall ...")
    return f"{''.join(installed) or 'not from pip'}, {'a' if has_display() else 'no'} display"


def _segmenter(subject: Subject) -> str:
    import numpy as np

    from rt_gait.assembly import DETECTOR_MIN_SCORE
    from rt_gait.detect.detector import open_detector

    settings = subject.settings
    detector = open_detector(
        settings.detector,
        models_dir=settings.models_dir,
        min_score=DETECTOR_MIN_SCORE,
        serve=None if settings.triton is None else lambda info: subject.server().detector(info),
    )
    detector.detect(np.zeros((480, 640, 3), np.uint8))
    return f"{detector.key} runs"


def _gait_model(subject: Subject) -> str:
    import numpy as np

    from rt_gait.gait.embedder import OnnxGaitEmbedder
    from rt_gait.types import Window

    embedder = OnnxGaitEmbedder(_gait_info(subject.settings))
    pixels = np.full((embedder.shape.frames, 64, 44), 255, np.uint8)
    (embedding,) = embedder.embed([Window(1, 0.0, 1.0, pixels)])
    return f"{embedder.info.key} runs, {len(embedding.vector)} numbers a window"


def _gait_info(settings: Settings) -> ModelInfo:
    from rt_gait.gait.embedder import gait_model_info

    return gait_model_info(settings.models_dir, settings.model)


def _triton(subject: Subject) -> str:
    embedder = subject.server().embedder(_gait_info(subject.settings))
    return f"{subject.settings.triton} serves {embedder.info.key}"


def _gallery(subject: Subject) -> str:
    from rt_gait.assembly import assemble
    from rt_gait.detect.detector import ON_SERVER

    # Who runs the models does not matter to it.
    detector = subject.settings.detector.removeprefix(ON_SERVER)
    settings = subject.settings.model_copy(update={"triton": None, "detector": detector})
    return f"{len(assemble(settings).names)} people, fits the models"


def _optional() -> None:
    use = "other segmentation weights"
    if importlib.util.find_spec("ultralytics") is None:
        _line("--", "ultralytics", f"not installed ({use}): pip install ultralytics")
    else:
        _line("ok", "ultralytics", use)
    for meter, found in survey().items():
        there = not isinstance(found, MeterError)
        _line("ok" if there else "--", f"energy: {meter}", str(found))
    cameras = sorted(str(p) for p in Path("/dev").glob("video*"))
    if sys.platform.startswith("linux"):
        _line("ok" if cameras else "--", "cameras", ", ".join(cameras) or "none")


def _line(mark: str, name: str, text: str) -> None:
    typer.echo(f"{mark:<4}{name:<16}{text}")
