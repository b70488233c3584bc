"""``rt-gait doctor``: is everything there, and what to do about what is not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import typer

from rt_gait.cli.run import versions
from rt_gait.config import Settings, load_settings
from rt_gait.energy.find import survey
from rt_gait.errors import ExitCode, MeterError, RtGaitError
from rt_gait.outputs.screen import has_display
from rt_gait.serving.repository import ModelInfo


def doctor_command(config: Path | None) -> int:
    """Print one line for each part; return 0 when the main job can run."""
    settings = load_settings(config)
    for name, number in versions().items():
        _line("ok", name, number)
    needed: list[tuple[str, Callable[[Settings], str]]] = [
        ("OpenCV", _opencv),
        ("segmenter", _segmenter),
        ("gait model", _gait_model),
    ]
    if settings.triton is not None:
        needed.append(("Triton", _triton))
    if settings.gallery is not None:
        needed.append(("gallery", _gallery))
    broken = [name for name, check in needed if not _try(name, check, settings)]
    _optional()
    return ExitCode.MODEL if broken else ExitCode.OK


def _try(name: str, check: Callable[[Settings], str], settings: Settings) -> bool:
    try:
        _line("ok", name, check(settings))
    except RtGaitError as error:
        _line("BAD", name, str(error))
        return False
    return True


def _opencv(_settings: Settings) -> str:
    installed = packages_distributions().get("cv2", [])
    if len(installed) > 1:
        names = " and ".join(installed)
        raise RtGaitError(f"{names} are installed over one another; keep one: pip uninstall ...")
    return f"{''.join(installed) or 'not from pip'}, {'a' if has_display() else 'no'} display"


def _segmenter(settings: Settings) -> str:
    import numpy as np

    from rt_gait.assembly import DETECTOR_MIN_SCORE, Server
    from rt_gait.detect.detector import open_detector

    detector = open_detector(
        settings.detector,
        models_dir=settings.models_dir,
        min_score=DETECTOR_MIN_SCORE,
        serve=None if settings.triton is None else Server(settings).detector,
    )
    detector.detect(np.zeros((480, 640, 3), np.uint8))
    return f"{detector.key} runs"


def _gait_model(settings: Settings) -> str:
    import numpy as np

    from rt_gait.gait.embedder import OnnxGaitEmbedder
    from rt_gait.types import Window

    embedder = OnnxGaitEmbedder(_gait_info(settings))
    pixels = np.full((embedder.shape.frames, 64, 44), 255, np.uint8)
    (embedding,) = embedder.embed([Window(1, 0.0, 1.0, pixels)])
    return f"{embedder.info.key} runs, {len(embedding.vector)} numbers a window"


def _gait_info(settings: Settings) -> ModelInfo:
    from rt_gait.gait.embedder import gait_model_info

    return gait_model_info(settings.models_dir, settings.model)


def _triton(settings: Settings) -> str:
    from rt_gait.assembly import Server

    embedder = Server(settings).embedder(_gait_info(settings))
    return f"{settings.triton} serves {embedder.info.key}"


def _gallery(settings: Settings) -> str:
    from rt_gait.assembly import assemble

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
