"""A file from a web address, no larger than allowed and whole, or an error that says why not."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

from rt_gait.errors import ModelError, UsageError, why
from rt_gait.redaction import has_login
from rt_gait.serving.endpoint import is_loopback

BYTES_MAX = 200_000_000
"""Of a download, and of what is unpacked of it; the largest committed model has 11 MB."""
TIMEOUT_SECS = 30.0
"""For connecting, and for each wait for more."""
_PART_BYTES = 1 << 16


def is_url(source: str) -> bool:
    """Return whether a source is a web address rather than a path."""
    return "://" in source


def check_url(url: str, *, pinned: bool) -> SplitResult:
    """Return the parts of an address that may be asked.

    Args:
        url: ``https://...``.
        pinned: The SHA-256 of what must come is known; then ``http`` will do.

    Raises:
        UsageError: it may not. The message does not repeat the address, which may hold secrets.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError("this is no web address; give https://HOST/PATH, or a path")
    if has_login(url):
        raise UsageError(
            "an address with a user or password is not taken: download the file, and give its path"
        )
    if parts.scheme == "https":
        return parts
    if parts.scheme != "http":
        raise UsageError(f"expected an https address or a path, not {parts.scheme}: {host}")
    if not pinned and not is_loopback(host):
        raise UsageError(
            f"http can be changed on its way: give https, or --sha256 of the file: {host}"
        )
    return parts


def download(url: str, target: Path, *, pinned: bool = False) -> str:
    """Write what lies at an address to ``target``; return its SHA-256, hexadecimal.

    Args:
        url: As for :func:`check_url`. Redirects are followed to https alone.
        target: The file to write.
        pinned: As for :func:`check_url`.

    Raises:
        UsageError: the address may not be asked.
        ModelError: there is no answer, another than a file, too much or not all of it.
        OSError: the file cannot be written.
    """
    host = check_url(url, pinned=pinned).netloc
    headers = {"User-Agent": "rt-gait"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above
    opener = urllib.request.build_opener(_HttpsAlone)
    with target.open("wb") as file:
        try:
            answer = opener.open(request, timeout=TIMEOUT_SECS)
        except urllib.error.HTTPError as error:
            with error:
                raise ModelError(f"expected a file, got status {error.code}: {host}") from None
        except (OSError, http.client.HTTPException) as error:
            raise ModelError(f"the server gives no answer ({_why(error)}): {host}") from None
        with answer:
            return _copy(answer, file, host)


def _copy(answer: Any, file: IO[bytes], host: str) -> str:
    digest, count = hashlib.sha256(), 0
    while part := _part(answer, host):
        count += len(part)
        if count > BYTES_MAX:
            raise ModelError(f"expected {BYTES_MAX // 10**6} MB at most, more came: {host}")
        digest.update(part)
        file.write(part)
    if answer.length:  # what the server promised and did not send
        raise ModelError(f"the download broke off after {count} bytes; try again: {host}")
    return digest.hexdigest()


def _part(answer: Any, host: str) -> bytes:
    try:
        return bytes(answer.read(_PART_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(f"the download broke off ({_why(error)}); try again: {host}") from None


class _HttpsAlone(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https, ten at most."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], *rest: Any) -> Any:
        """Return the next request.

        Raises:
            ModelError: it would leave https.
        """
        if urlsplit(rest[-1]).scheme != "https":
            fp.close()
            raise ModelError(f"the server sends us on to another address than https: {req.host}")
        return super().redirect_request(req, fp, *rest)


def _why(error: Exception) -> str:
    return why(getattr(error, "reason", error))
