"""What a run says of itself: CloudEvents records, one JSON object a line."""

from rt_gait.events.build import STATS_EVERY_SECS, EventBuilder
from rt_gait.events.counters import Counters
from rt_gait.events.data import ModelRef
from rt_gait.events.log import EventLog
from rt_gait.events.names import public_name, redact
from rt_gait.events.read import EventReader, normalise, read_events
from rt_gait.events.replay import timeline
from rt_gait.events.schema import EVENT_TYPES, Event, load_schema

__all__ = [
    "EVENT_TYPES",
    "STATS_EVERY_SECS",
    "Counters",
    "Event",
    "EventBuilder",
    "EventLog",
    "EventReader",
    "ModelRef",
    "load_schema",
    "normalise",
    "public_name",
    "read_events",
    "redact",
    "timeline",
]
