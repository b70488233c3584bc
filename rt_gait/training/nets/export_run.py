"""The commands ``export``, ``variants``, ``untrained``, ``flow`` and ``measure``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_gait.errors import UsageError

from ..walkers.command import number, share

if TYPE_CHECKING:
    from .calibration import Calibration
    from .variants import Origin

_THRESHOLDS = ("known_score", "candidate_score", "margin")


def add_parsers(commands: Any) -> None:
    """Add the commands to ``argparse``'s."""
    from rt_gait.serving.repository import default_models_dir

    def add(name: str, about: str, run: Any) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(name, help=about)
        parser.set_defaults(run=run)
        return parser

    def add_models_dir(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--models-dir", type=Path, default=default_models_dir(), help="model repository"
        )

    export = add("export", "turn a checkpoint into a model", _export)
    export.add_argument("checkpoint", type=Path, help="of train or prune")
    export.add_argument("--name", required=True, help="of the new model")
    export.add_argument("--precision", default="fp32", help="fp32, fp16, int8 or best")
    export.add_argument("--calibration", type=Path, help="data set that sets the scales of int8")
    export.add_argument("--stream", action="store_true", help="gait2d in two, frame by frame")
    for name in _THRESHOLDS:
        export.add_argument(f"--{name.replace('_', '-')}", type=share, help="for its configuration")
    export.add_argument(
        "--odds",
        type=number,
        nargs=2,
        metavar=("SLOPE", "OFFSET"),
        help="of the probability, as python -m rt_gait.bench.identity tells them",
    )
    add_models_dir(export)

    variants = add("variants", "turn checkpoints into models of all precisions", _variants)
    variants.add_argument(
        "--checkpoints", type=Path, required=True, help="folder of gait2d_0/, gait3d_20/, ..."
    )
    variants.add_argument("--calibration", type=Path, required=True, help="data set (walkers make)")
    variants.add_argument("--out", type=Path, required=True, help="model repository to write to")
    variants.add_argument("--only", nargs="+", metavar="NAME", help="such as 2d_int8_40")

    untrained = add("untrained", "write a network that was never trained, to compare", _untrained)
    untrained.add_argument("network", help="gait2d, gait3d, or a recipe (.toml)")
    untrained.add_argument("--name", required=True, help="of the new model")
    untrained.add_argument("--data", type=Path, required=True, help="data set for its batch norms")
    add_models_dir(untrained)

    add_models_dir(add("flow", "write the untrained flow2d and flow3d", _flow))

    measure = add("measure", "count and time models; one JSON object each", _measure)
    measure.add_argument("names", nargs="+", metavar="NAME", help="models")
    add_models_dir(measure)


def _export(options: argparse.Namespace) -> None:
    from .calibration import Calibration
    from .export import CALIBRATED
    from .variants import Origin, write_stream

    thresholds = _thresholds(options)
    precision, calibration = options.precision, None
    if options.calibration is not None and precision not in CALIBRATED:
        raise UsageError(f"--calibration is for {' and '.join(CALIBRATED)}, not {precision}")
    if options.stream and precision != "fp32":
        raise UsageError(f"--stream writes fp32 only, not {precision}")
    origin = Origin.checkpoint(options.checkpoint)
    if options.stream:
        print(write_stream(origin, options.models_dir, options.name, thresholds))
        return
    if options.calibration is not None:
        calibration = Calibration.draw(options.calibration)
    _write(origin, options.models_dir, options.name, precision, calibration, more=thresholds)


def _write(
    origin: Origin,
    models_dir: Path,
    name: str,
    precision: str,
    calibration: Calibration | None,
    *,
    more: dict[str, str] | None = None,
) -> None:
    from .variants import agreement, write

    folder = write(
        origin, models_dir, name, precision=precision, calibration=calibration, more=more
    )
    told = ""
    if calibration is not None:
        told = f": cosine to fp32 {agreement(origin, folder, calibration):.6f}"
    print(f"{folder}{told}", flush=True)


def _thresholds(options: argparse.Namespace) -> dict[str, str]:
    given = {n: str(v) for n in _THRESHOLDS if (v := getattr(options, n)) is not None}
    if given and len(given) < len(_THRESHOLDS):
        missing = [f"--{n.replace('_', '-')}" for n in _THRESHOLDS if n not in given]
        raise UsageError(f"thresholds go together; missing: {', '.join(missing)}")
    if options.odds is not None:
        given |= dict(zip(("odds_slope", "odds_offset"), map(str, options.odds), strict=True))
    return given


def _variants(options: argparse.Namespace) -> None:
    from .calibration import Calibration
    from .variants import Origin, check_places, variants

    known = variants(options.checkpoints)
    wanted = options.only or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UsageError(f"no variant is called {unknown[0]!r}; there are {', '.join(known)}")
    check_places(options.out, wanted)
    calibration = Calibration.draw(options.calibration)
    for name in wanted:
        checkpoint, precision = known[name]
        _write(Origin.checkpoint(checkpoint), options.out, name, precision, calibration)


def _untrained(options: argparse.Namespace) -> None:
    from .variants import Origin, write

    print(write(Origin.untrained(options.network, options.data), options.models_dir, options.name))


def _flow(options: argparse.Namespace) -> None:
    from .flow import NETWORKS, export_untrained

    for name in NETWORKS:
        print(export_untrained(name, options.models_dir))


def _measure(options: argparse.Namespace) -> None:
    from rt_gait.serving.repository import load_info

    from .measure import cost, latencies

    infos = [load_info(options.models_dir, name) for name in options.names]
    counted = [cost(info.onnx_path) for info in infos]
    for info, one, times in zip(infos, counted, latencies(infos), strict=True):
        timed = {f"batch_{size}": asdict(t) for size, t in times.items()}
        print(json.dumps({"model": info.key, **asdict(one), **timed}))
