"""Where a run answers over HTTP."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass

from rt_gait.errors import UsageError
from rt_gait.serving.endpoint import is_loopback

METRICS, PREVIEW = "metrics", "preview"
"""The services; their flags and variables are named after them."""
_FORM = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]*)):(\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether this machine alone reaches it."""
        return is_loopback(self.host)

    @property
    def ipv6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return ":" in self.host

    @property
    def from_here(self) -> Address:
        """Where this machine reaches what listens there: nothing connects to 0.0.0.0."""
        try:
            everywhere = ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            everywhere = False
        if not everywhere:
            return self
        return Address("::1" if self.ipv6 else "127.0.0.1", self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.ipv6 else f"{self.host}:{self.port}"


def parse_address(text: str, what: str = METRICS) -> Address:
    """Return the address in ``:9464``, which is this machine's loopback, or ``HOST:9464``.

    Args:
        text: As the user gave it.
        what: What is to be there, for the error.

    Raises:
        UsageError: it is neither.
    """
    found = _FORM.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise UsageError(f"expected --{what} as :PORT or HOST:PORT, such as :9464, not {text!r}")
    return Address(found[1] or found[2] or "127.0.0.1", int(found[3]))


def address_variable(name: str) -> str:
    """Return the environment variable of a service's address."""
    return f"RT_GAIT_{name.upper()}"


def token_variable(name: str) -> str:
    """Return the environment variable of a service's token. It is read from nowhere else."""
    return f"RT_GAIT_{name.upper()}_TOKEN"


def token_from_environment(name: str) -> str | None:
    """Return the token of a service, if there is one."""
    return os.environ.get(token_variable(name)) or None
