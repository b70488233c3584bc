"""Asking a run how it is doing."""

from __future__ import annotations

import http.client
import json
from typing import Any

from rt_gait.errors import why
from rt_gait.listening.address import Address

_LIMIT_SECS = 3.0
_MAX_BYTES = 64 * 1024


def ask(address: Address, path: str, *, token: str | None = None) -> tuple[bool, str]:
    """Return whether a run is well, and why not in one line.

    Args:
        address: Where it listens.
        path: ``/readyz`` or ``/healthz``.
        token: Sent as ``Authorization: Bearer``.
    """
    target = address.from_here
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection = http.client.HTTPConnection(target.host, target.port, timeout=_LIMIT_SECS)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        status, body = response.status, response.read(_MAX_BYTES)
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        return False, f"no answer from {target} ({why(error)}); was rt-gait started with --metrics?"
    finally:
        connection.close()
    return status == 200, _reason(status, body)


def _reason(status: int, body: bytes) -> str:
    try:
        data: Any = json.loads(body)
        said = data.get("reason") or data.get("error") or ""
    except (ValueError, AttributeError):
        said = ""
    return " ".join(str(said).split()) or f"status {status}"
