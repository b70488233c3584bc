"""What of an address may be said, and the last net under everything that is."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*:/{1,2})[^\s'\"]*@")
_QUERY = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*:/{1,2}[^\s?'\"]*)\?[^\s'\"]*|\?[^\s?'\"]*=[^\s'\"]*")


def host_of(address: str) -> str:
    """Return host and port, all of an address that may be shown; empty where there is no host.

    An address often holds a password: before the host, in the query, with some makers in the path.
    It may hold any of ``@/?#`` unescaped, so what follows the last ``@`` is the host:
    ``rtsp://user:p/w@10.0.0.7:554/ch1`` gives ``10.0.0.7:554``.
    """
    rest = address.partition("://")[2]
    return re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]


def has_login(address: str) -> bool:
    """Return whether an address holds a user or a password."""
    return "@" in address.partition("://")[2]


def hide_secrets(text: str) -> str:
    """Return ``text`` with users, passwords and queries of addresses left out.

    ``rtsp://user:secret@10.0.0.7/ch1?token=x`` becomes ``rtsp://***@10.0.0.7/ch1?***``. A password
    may hold any of ``@/?#`` unescaped: what follows the last ``@`` is taken for the host. An
    address that was taken for a path has lost one of its slashes.
    """
    return _QUERY.sub(lambda found: f"{found.group(1) or ''}?***", _LOGIN.sub(r"\1***@", text))
