"""Where events are sent: an address that never shows its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from rt_gait.errors import UsageError
from rt_gait.events.spool import hash_of
from rt_gait.redaction import host_of

_PORTS = {"mqtt": 1883, "mqtts": 8883, "http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """The parts of a URL; its text and ``repr`` have neither path nor secrets."""

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    """Path and query. A webhook often has its secret there."""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """What may be shown to anybody: scheme, host and port."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def secret(self) -> bool:
        """Whether the address holds a user or a password."""
        return self.user is not None

    @property
    def place(self) -> str:
        """A short name that tells receivers apart and says nothing of them."""
        return hash_of(f"{self.shown}{self.target}".encode())

    def __str__(self) -> str:
        return self.shown


def parse_address(text: str, schemes: tuple[str, ...]) -> Address:
    """Return the parts of an address.

    Args:
        text: Such as ``mqtt://user:secret@host:1883/site``.
        schemes: Those allowed.

    Raises:
        UsageError: another scheme, no host, a port out of range, control characters. The message
            does not repeat the address, which may hold a password.
    """
    wanted = " or ".join(f"{scheme}://host" for scheme in schemes)
    if not text.isprintable() or " " in text:
        raise UsageError(f"an address has no blanks or control characters; give {wanted}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"this is no address; give {wanted}, with a port up to 65535") from None
    if host_of(text) != parts.netloc.rpartition("@")[2]:
        raise UsageError(
            "it is not clear where the host of this address is: write @ as %40 in a password or "
            "a path, and / ? # in a password as %2F %3F %23"
        )
    if parts.scheme not in schemes or not host:
        raise UsageError(f"expected an address such as {wanted}, got another kind")
    return Address(
        scheme=parts.scheme,
        host=host,
        port=port or _PORTS[parts.scheme],
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )
