"""The schema accepts what is built, describes every field, and refuses what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from event_world import builder, types, valid, validator, walk
from jsonschema import ValidationError

from rt_gait.events import EVENT_TYPES, load_schema
from rt_gait.reasons import Rejection
from rt_gait.types import IdentityState


@pytest.fixture(scope="module")
def by_type() -> dict[str, dict[str, Any]]:
    events = walk(builder(live=True))
    return dict(zip(types(events), events, strict=True))


@pytest.mark.parametrize("live", [False, True])
def test_every_event_of_a_run_validates(live: bool) -> None:
    events = valid(walk(builder(live=live)))
    assert {event["type"] for event in events} == set(EVENT_TYPES)


def test_run_without_model_or_gallery_validates() -> None:
    valid(walk(builder(model=None, gallery_revision=None)))
    valid(walk(builder(gallery_revision=None)))


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_every_field_is_described_and_no_object_takes_unknown_fields() -> None:
    schema = load_schema()
    found = list(objects(schema))
    assert len(found) > 15
    for part in found:
        if part is schema["properties"]["data"]:
            continue  # its fields are told by the type
        assert "additionalProperties" in part or "propertyNames" in part, part
        for name, field in part.get("properties", {}).items():
            target = field["$ref"].rpartition("/")[2] if "$ref" in field else None
            described = field.get("description") or schema["$defs"][target].get("description")
            assert described, name
            if name.endswith("_secs") and field.get("type") == "number":
                assert "second" in described.lower(), name


def test_enumerations_are_those_of_the_records() -> None:
    definitions = load_schema()["$defs"]
    assert definitions["state"]["enum"] == [state.value for state in IdentityState]
    assert list(definitions["rejections"]["properties"]) == [reason.value for reason in Rejection]


def _name(event: dict[str, Any]) -> None:
    event["data"]["identity"]["subject_id"] = "Ann Smith"


def _claimed_by_nobody(event: dict[str, Any]) -> None:
    event["data"]["identity"]["subject_id"] = None


def _unknown_with_name(event: dict[str, Any]) -> None:
    event["data"]["identity"]["state"] = "unknown"


def _unit_lost(event: dict[str, Any]) -> None:
    event["data"]["frame"]["media_time"] = event["data"]["frame"].pop("media_time_secs")


def _box_of_three(event: dict[str, Any]) -> None:
    event["data"]["box_xyxy_px"].pop()


def _bare_top(event: dict[str, Any]) -> None:
    event["data"]["identity"]["top"] = [["s_7Q2F9K3D"]]


def _of_another_type(event: dict[str, Any]) -> None:
    event["type"] = "io.rt-gait.track.ended.v1"


def _unheard_of(event: dict[str, Any]) -> None:
    event["type"] = "io.rt-gait.identity.changed.v2"


def _local_time(event: dict[str, Any]) -> None:
    event["time"] = "2026-11-01T21:00:00.123456+01:00"


def _negative(event: dict[str, Any]) -> None:
    event["sequence"] = -1


def _text_for_number(event: dict[str, Any]) -> None:
    event["data"]["identity"]["windows"] = "4"


@pytest.mark.parametrize(
    "spoil",
    [
        _name,
        _claimed_by_nobody,
        _unknown_with_name,
        _unit_lost,
        _box_of_three,
        _bare_top,
        _of_another_type,
        _unheard_of,
        _local_time,
        _negative,
        _text_for_number,
    ],
)
def test_a_wrong_event_is_refused(
    by_type: dict[str, dict[str, Any]], spoil: Callable[[dict[str, Any]], None]
) -> None:
    event = deepcopy(by_type["identity.changed"])
    validator().validate(event)
    spoil(event)
    with pytest.raises(ValidationError):
        validator().validate(event)


@pytest.mark.parametrize("kind", [kind[len("io.rt-gait.") : -len(".v1")] for kind in EVENT_TYPES])
def test_no_event_takes_an_extra_field_or_does_without_one(
    by_type: dict[str, dict[str, Any]], kind: str
) -> None:
    event = by_type[kind]
    for holder in (event, event["data"]):
        extra = deepcopy(event)
        (extra if holder is event else extra["data"])["person"] = "x"
        with pytest.raises(ValidationError):
            validator().validate(extra)
    optional = {"frames_per_second", "stage_latency_secs", "frame_age_secs"}
    for field in set(event["data"]) - optional:
        short = deepcopy(event)
        del short["data"][field]
        with pytest.raises(ValidationError):
            validator().validate(short)
