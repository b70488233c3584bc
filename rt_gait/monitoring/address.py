"""Where a run answers about itself, and the token that lets others ask."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass

from rt_gait.errors import UsageError
from rt_gait.serving.endpoint import is_loopback

ADDRESS_VARIABLE = "RT_GAIT_METRICS"
TOKEN_VARIABLE = "RT_GAIT_METRICS_TOKEN"  # noqa: S105 - where it is, not what
"""Environment variable that holds the bearer token. It is read from nowhere else."""
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


def parse_address(text: str) -> Address:
    """Return the address in ``:9464``, which is this machine's loopback, or ``HOST:9464``.

    Raises:
        UsageError: it is neither.
    """
    found = _FORM.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise UsageError(f"metrics are at :PORT or HOST:PORT, such as :9464, not {text!r}")
    return Address(found[1] or found[2] or "127.0.0.1", int(found[3]))


def token_from_environment() -> str | None:
    """Return the bearer token, if there is one."""
    return os.environ.get(TOKEN_VARIABLE) or None
