"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

IN, OUT, WHO, SERVER = "Input", "Output", "Recognition", "Server"


def option(*names: str, text: str, panel: str | None = None) -> typer.models.OptionInfo:
    """Return an option without a default of its own: that stands in the settings."""
    made: typer.models.OptionInfo = typer.Option(
        *names, help=text, rich_help_panel=panel, show_default=False
    )
    return made


Gallery = Annotated[
    Path | None, option("--gallery", text="Enrolled people, a file made by enroll", panel=WHO)
]
Learn = Annotated[
    bool | None,
    option(
        "--learn",
        text="Propose walks of people clearly known as templates, for gallery review",
        panel=WHO,
    ),
]
Model = Annotated[str | None, option("--model", text="Gait model (default gait3d)", panel=WHO)]
Detector = Annotated[
    str | None,
    option(
        "--detector",
        text="Person segmenter, triton:NAME to have it served, or Ultralytics -seg weights "
        "(default person_seg)",
        panel=WHO,
    ),
]
Triton = Annotated[
    str | None,
    option(
        "--triton", text="Triton server for the gait model, HOST:PORT of its gRPC", panel=SERVER
    ),
]
WaitTriton = Annotated[
    float | None,
    option("--wait-triton", text="Seconds to wait for it at the start (default 5)", panel=SERVER),
]
TritonTls = Annotated[
    bool | None, option("--triton-tls", text="Encrypt the connection", panel=SERVER)
]
TritonCa = Annotated[
    Path | None,
    option("--triton-ca", text="Certificates to trust, PEM; implies --triton-tls", panel=SERVER),
]
Metrics = Annotated[
    str | None,
    option("--metrics", text="Prometheus metrics and health, such as :9464 (loopback)", panel=OUT),
]
Preview = Annotated[
    str | None,
    option(
        "--preview", text="Annotated pictures for a browser, such as :8080 (loopback)", panel=OUT
    ),
]
EnergyLog = Annotated[
    Path | None, option("--energy-log", text="Energy samples, JSON Lines", panel=OUT)
]
EnergyMeter = Annotated[
    str | None,
    option(
        "--energy-meter",
        text="auto, jtop, ina3221, nvml, rapl or none (default: auto with --energy-log)",
        panel=OUT,
    ),
]
Config = Annotated[Path | None, option("--config", text="Settings in a TOML file", panel=IN)]
Fps = Annotated[
    float | None,
    option("--fps", text="Frame rate to use in place of the video's timestamps", panel=IN),
]
Overwrite = Annotated[
    bool | None, option("--overwrite", text="Replace outputs that exist", panel=OUT)
]
