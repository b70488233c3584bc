"""Where a Triton server is, and how to get in."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from rt_gait.errors import UsageError

TOKEN_VARIABLE = "RT_GAIT_TRITON_TOKEN"  # noqa: S105 - where it is, not what
"""Environment variable that holds the bearer token. It is read from nowhere else."""


@dataclass(frozen=True)
class Endpoint:
    """Where a server is and how to get in.

    Raises:
        UsageError: the address is no ``HOST:PORT``, or the token would cross a network in clear.
    """

    address: str
    tls: bool = False
    ca: Path | None = None
    """Certificates to trust in PEM; None for those that come with gRPC."""
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        host, _, port = self.address.rpartition(":")
        if not host or "/" in self.address or not port.isdigit() or not 0 < int(port) < 65536:
            raise UsageError(
                f"a Triton server is named as HOST:PORT, its gRPC port (usually 8001), "
                f"not {self.address!r}"
            )
        if self.token and not self.tls and not self.is_local:
            raise UsageError(
                f"the token in {TOKEN_VARIABLE} would cross the network unencrypted; "
                "add --triton-tls"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.address.rpartition(":")[0].strip("[]"))

    @property
    def url(self) -> str:
        """For messages."""
        return f"{'grpcs' if self.tls else 'grpc'}://{self.address}"

    def certificates(self) -> bytes | None:
        """Return the certificates to trust.

        Raises:
            UsageError: they cannot be read.
        """
        if self.ca is None:
            return None
        try:
            return self.ca.read_bytes()
        except OSError as error:
            raise UsageError(
                f"cannot read the certificates ({error.strerror}): {self.ca}"
            ) from error


def is_loopback(host: str) -> bool:
    """Return whether this machine alone reaches a host; a name but ``localhost`` is others'."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_from_environment() -> str | None:
    """Return the bearer token, if there is one."""
    return os.environ.get(TOKEN_VARIABLE) or None
