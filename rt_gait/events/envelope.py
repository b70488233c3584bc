"""The CloudEvents record around what is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from rt_gait.events import schema
from rt_gait.events.names import public_name
from rt_gait.events.schema import Event


@dataclass
class Envelope:
    """Makes the records of one source in a run.

    Raises:
        ValueError: ``run_id`` is not 1 to 64 letters, digits, dots, dashes or underscores.
    """

    run_id: str
    source_name: str
    """Any name, path or address of the source; only its public name is kept."""
    utc_now: Callable[[], datetime]
    """Wall time, aware of its time zone."""
    numbers: Iterator[int]
    """0, 1, 2, ... over all sources of the run."""
    _quoted_name: str = field(init=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9A-Za-z._-]{1,64}", self.run_id):
            raise ValueError(f"a run id is 1 to 64 of 0-9 A-Z a-z . _ -, not {self.run_id!r}")
        self.source_name = public_name(self.source_name)
        # "replace" is for file names that are not UTF-8.
        self._quoted_name = quote(self.source_name, safe="", errors="replace")

    def wrap(
        self,
        kind: str,
        data: dict[str, Any],
        *,
        track: int | None = None,
        number: int | None = None,
    ) -> Event:
        """Return the record of what happened.

        Args:
            kind: Type of the event.
            data: What is told; the id of the run is added.
            track: Whom it is about.
            number: One that was taken before; the next without.
        """
        number = next(self.numbers) if number is None else number
        now = self.utc_now().astimezone(timezone.utc).replace(tzinfo=None)
        return {
            "specversion": "1.0",
            "id": f"{self.run_id}-{number}",
            "type": kind,
            "source": f"urn:rt-gait:source:{self._quoted_name}",
            "subject": f"run/{self.run_id}" + ("" if track is None else f"/track/{track}"),
            "time": now.isoformat(timespec="microseconds") + "Z",
            "dataschema": schema.DATA_SCHEMA,
            "sequence": number,
            "data": {"run_id": self.run_id} | data,
        }
