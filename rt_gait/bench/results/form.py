"""What a result must hold, so that what reads it need not ask. More than this may be in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

Figure = float | None
"""None is not measured."""


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())


class _Gpu(_Form):
    name: str


class _Environment(_Form):
    time_utc: str
    device: str
    processors: int
    gpus: list[_Gpu]
    server: str | None
    power_mode: str | None


class _Model(_Form):
    name: str
    key: str
    platform: str
    network_sha256: str
    network_bytes: int


class _Setting(_Form):
    where: str
    set_mode: int | None = None


class _Result(_Form):
    kind: Literal["load", "capacity", "pipeline"]
    environment: _Environment
    model: _Model | None
    setting: _Setting
    points: list[dict[str, Any]]
    complete: bool
    note: str


class _Energy(_Form):
    mj_per_window: Figure = None
    mj_above_idle: Figure = None
    mj_per_frame: Figure = None
    mj_per_decision: Figure = None
    total: str = ""
    note: str = ""


class _UnderLoad(_Form):
    p50_ms: Figure = None
    p95_ms: Figure = None
    p99_ms: Figure = None
    spread: Figure = None
    p50_spread: Figure = None
    server_batch: Figure = None
    queue_ms: Figure = None
    compute_ms: Figure = None
    gpu_share: Figure = None
    cosine_min: Figure = None
    energy: _Energy | None = None
    unstable: str = ""


class _Load(_UnderLoad):
    batch: int
    concurrency: int
    engine: str
    windows_per_sec: Figure
    unstable: str


class _Capacity(_UnderLoad):
    rate_hz: float
    p99_limit_ms: float
    people: int
    naive_people: int


class _Times(_Form):
    p50_ms: Figure
    p95_ms: Figure


class _Stages(_Form):
    detect: _Times
    track: _Times
    silhouette: _Times
    embed: _Times
    identify: _Times
    overhead: _Times
    step: _Times


class _Waits(_Times):
    tracks: int


class _Live(_Form):
    captured: int
    dropped: int
    latency: _Times
    time_to_identity: _Waits


class _Pipeline(_Form):
    what: str
    frames_per_sec: float
    spread: Figure
    stages: _Stages
    live: _Live
    peak_mib: float
    energy: _Energy | None = None


_POINTS: dict[str, TypeAdapter[Any]] = {
    "load": TypeAdapter(list[_Load]),
    "capacity": TypeAdapter(list[_Capacity]),
    "pipeline": TypeAdapter(list[_Pipeline]),
}


def problem(told: dict[str, Any]) -> str:
    """Return what is first found wrong with a result that was read from JSON; empty if nothing."""
    try:
        _Result.model_validate(told)
    except ValidationError as error:
        return first_of(error)
    try:
        _POINTS[told["kind"]].validate_python(told["points"])
    except ValidationError as error:
        return f"points.{first_of(error)}"
    return ""


def first_of(error: ValidationError) -> str:
    """Return where something first does not fit, and what was expected there."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg'].lower()}"
