"""Addresses of network cameras: which are taken. Only scheme, host and port of them are shown."""

from __future__ import annotations

import re

from rt_gait.errors import UsageError
from rt_gait.redaction import host_of

SCHEMES = ("rtsp", "rtsps", "http", "https")
"""RTSP cameras, and MJPEG (or another video) over HTTP."""


def scheme_of(uri: str) -> str:
    """Return the scheme in lower case, empty where there is none."""
    scheme, mark, _rest = uri.partition("://")
    return scheme.lower() if mark else ""


def shown(uri: str) -> str:
    """Return scheme, host and port: ``rtsp://user:pw@10.0.0.7:554/ch1`` is ``rtsp://10.0.0.7:554``."""
    if not scheme_of(uri):
        return "an address without a scheme"
    return f"{scheme_of(uri)}://{host_of(uri) or '(no host)'}"


def check_uri(uri: str) -> str:
    """Return an address that can be tried.

    Raises:
        UsageError: another scheme, no host, or characters that no address has.
    """
    if scheme_of(uri) not in SCHEMES:
        raise UsageError(
            f"expected an address that begins with {', '.join(f'{s}://' for s in SCHEMES)}, got "
            f"{shown(uri)}; for a file use --video, for a camera of this machine --camera"
        )
    if re.search(r"[\x00-\x20\x7f]", uri):
        raise UsageError(f"an address has no spaces (write %20): {shown(uri)}")
    if shown(uri).endswith("//(no host)"):
        raise UsageError(f"expected an address with a host, got none: {shown(uri)}")
    return uri
