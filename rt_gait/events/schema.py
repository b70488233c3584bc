"""The shape of an event: a CloudEvents 1.0 record, described by ``schema.json`` beside this file.

The schema is part of the package so that a reader of logs can check every line with any JSON
Schema 2020-12 validator. Within v1 it only ever grows by optional fields.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]
"""One event as plain JSON values: ``json.dumps`` of it is one line of a log."""

DATA_SCHEMA = "urn:rt-gait:events:v1"
"""The ``dataschema`` of every event, and the ``$id`` of the schema."""

_PREFIX = "io.rt-gait."
RUN_STARTED = f"{_PREFIX}run.started.v1"
RUN_ENDED = f"{_PREFIX}run.ended.v1"
SOURCE_STATE = f"{_PREFIX}source.state.v1"
TRACK_STARTED = f"{_PREFIX}track.started.v1"
TRACK_ENDED = f"{_PREFIX}track.ended.v1"
TRACK_STITCHED = f"{_PREFIX}track.stitched.v1"
IDENTITY_CHANGED = f"{_PREFIX}identity.changed.v1"
STATS = f"{_PREFIX}stats.v1"
OUTPUT_FAILED = f"{_PREFIX}output.failed.v1"

EVENT_TYPES = (
    RUN_STARTED,
    RUN_ENDED,
    SOURCE_STATE,
    TRACK_STARTED,
    TRACK_ENDED,
    TRACK_STITCHED,
    IDENTITY_CHANGED,
    STATS,
    OUTPUT_FAILED,
)

SOURCE_STATES = ("online", "reconnecting", "offline", "ended")


def load_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one line of an event log."""
    text = resources.files("rt_gait.events").joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
