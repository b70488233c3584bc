"""The last net under everything that is said: no password of an address gets through."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*:/{1,2})[^\s'\"]*@")
_QUERY = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*:/{1,2}[^\s?'\"]*)\?[^\s'\"]*|\?[^\s?'\"]*=[^\s'\"]*")


def hide_secrets(text: str) -> str:
    """Return ``text`` with users, passwords and queries of addresses left out.

    ``rtsp://user:secret@10.0.0.7/ch1?token=x`` becomes ``rtsp://***@10.0.0.7/ch1?***``. A password
    may hold any of ``@/?#`` unescaped: what follows the last ``@`` is taken for the host. An
    address that was taken for a path has lost one of its slashes.
    """
    return _QUERY.sub(lambda found: f"{found.group(1) or ''}?***", _LOGIN.sub(r"\1***@", text))
