"""Events to a web address: CloudEvents 1.0 in HTTP batches, one POST for many events."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from pathlib import Path

from rt_gait.errors import UsageError
from rt_gait.events.schema import Event
from rt_gait.publishing.address import Address
from rt_gait.publishing.publisher import DeliveryError

TIMEOUT_SECS = 10.0
CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"


class Webhook:
    """Posts batches to one address. Redirects are not followed: they are failures.

    Args:
        address: ``http://`` or ``https://``; a user and password in it become basic
            authentication.
        ca: Certificates to trust, PEM, where the system's do not do.
        timeout_secs: How long connecting, and each wait for an answer, may take.
    """

    def __init__(
        self, address: Address, *, ca: Path | None = None, timeout_secs: float = TIMEOUT_SECS
    ) -> None:
        self._address, self._timeout_secs = address, timeout_secs
        self._context = tls_context(ca) if address.scheme == "https" else None
        self._headers = {"Content-Type": CONTENT_TYPE, "User-Agent": "rt-gait"}
        if address.user is not None:
            login = f"{address.user}:{address.password or ''}".encode()
            self._headers["Authorization"] = "Basic " + base64.b64encode(login).decode()

    def send(self, events: list[Event]) -> None:
        """Post the events; an answer of 200 to 299 confirms them all."""
        if not events:
            return
        body = json.dumps(events, ensure_ascii=False).encode("utf-8", "replace")
        try:
            status = self._post(body)
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise DeliveryError(f"{self._address.shown} does not answer ({why})") from None
        if not 200 <= status < 300:
            raise DeliveryError(f"{self._address.shown} answers with status {status}")

    def close(self) -> None:
        """Nothing to do: every batch has a connection of its own."""

    def _post(self, body: bytes) -> int:
        where = (self._address.host, self._address.port)
        connection = (
            http.client.HTTPConnection(*where, timeout=self._timeout_secs)
            if self._context is None
            else http.client.HTTPSConnection(
                *where, timeout=self._timeout_secs, context=self._context
            )
        )
        try:
            connection.request("POST", self._address.target, body, self._headers)
            return connection.getresponse().status
        finally:
            connection.close()


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """Return a context that checks certificate and name.

    Raises:
        UsageError: the certificates cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or "not PEM"
        raise UsageError(f"the certificates cannot be read ({why}): {ca}") from error
