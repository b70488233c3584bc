"""What may leave the machine in an event: names of sources, never where they are or how to get in.

Camera addresses carry passwords (before the host, in the query, with some makers in the path), and
folders carry the names of people. A path is reduced to the name of the file and an address to its
host and port; texts and settings are searched for both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from rt_gait.redaction import host_of

_QUOTED = r"'[^'\n]*/[^'\n]*'|\"[^\"\n]*/[^\"\n]*\""
_ADDRESS = r"[A-Za-z][A-Za-z0-9+.\-]*://\S+"
_PATH = r"(?<![\w/])(?:~\w*|\.{1,2})?/\S+"
_LOCATION = re.compile(f"{_QUOTED}|{_ADDRESS}|{_PATH}")
_PUNCTUATION = ".,:;)]}>'\""


def public_name(source: str) -> str:
    """Return the name of a file, device or address without its folders, user, password or query.

    ``/home/ann/lobby.mp4`` gives ``lobby.mp4``, ``rtsp://user:secret@10.0.0.7:554/ch1`` gives
    ``10.0.0.7:554``, ``0`` stays ``0``; something without a name gives ``source``.
    """
    scheme, mark, rest = source.partition("://")
    if mark and scheme.lower() != "file":
        return host_of(source) or "source"
    segments = [part for part in (rest if mark else source).split("/") if part not in ("", ".")]
    return segments[-1] if segments else "source"


def redact(text: str) -> str:
    """Return ``text`` with every address, absolute path and quoted path reduced to its name."""
    return _LOCATION.sub(_public_match, text)


def public_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``settings`` as plain JSON values, with paths and addresses reduced to names.

    Paths become strings, enumerations their values, tuples lists, numbers that JSON has no word
    for (infinite, not a number) strings; anything else is written as text.
    """
    return {str(key): _public_value(value) for key, value in settings.items()}


def _public_match(match: re.Match[str]) -> str:
    found = match.group()
    if found[0] in "'\"":
        return f"{found[0]}{public_name(found[1:-1])}{found[0]}"
    location = found.rstrip(_PUNCTUATION)
    return public_name(location) + found[len(location) :]


def _public_value(value: Any) -> Any:
    if isinstance(value, Enum):
        return _public_value(value.value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return public_settings(value)
    if isinstance(value, (list, tuple)):
        return [_public_value(item) for item in value]
    text = str(value)
    return public_name(text) if "/" in text or isinstance(value, PurePath) else redact(text)
