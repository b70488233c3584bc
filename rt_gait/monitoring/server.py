"""The listener that tells how a run is doing: ``/metrics``, ``/healthz``, ``/readyz``.

It shares the process with the run, so nobody who connects may cost it anything: a request has
8 KiB and 5 s, and of more than 8 connections the oldest is cut.
"""

from __future__ import annotations

import hmac
import io
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from rt_gait.errors import UsageError
from rt_gait.monitoring.address import TOKEN_VARIABLE, Address
from rt_gait.monitoring.exposition import CONTENT_TYPE
from rt_gait.monitoring.metrics import metrics_text
from rt_gait.monitoring.monitor import Monitor, Verdict

MAX_CONNECTIONS = 8
MAX_REQUEST_BYTES = 8192
LIMIT_SECS = 5.0
"""For a whole request to come, and again for the answer to be taken."""


@contextmanager
def serving(monitor: Monitor, address: Address, *, token: str | None = None) -> Iterator[None]:
    """Answer at an address, in a thread, while the block lasts.

    Args:
        monitor: What to tell.
        address: Where; others than this machine may reach it only with a token.
        token: What every request must bring as ``Authorization: Bearer``.

    Raises:
        UsageError: others could reach it without a token, or the port cannot be had.
    """
    if not address.loopback and not token:
        raise UsageError(
            f"others than this machine could read the metrics at {address}; set {TOKEN_VARIABLE}, "
            f"or listen on loopback: --metrics :{address.port}"
        )
    try:
        server = _Server(monitor, address, token)
    except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the metrics need a port that is free, and {address} cannot be had ({why}); "
            "choose another with --metrics"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, TCPServer):
    """A thread for each connection, and a bound on their number."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, monitor: Monitor, address: Address, token: str | None) -> None:
        self.monitor, self.token = monitor, token
        self._open: list[socket.socket] = []
        self._changing = threading.Lock()
        self.address_family = socket.AF_INET6 if address.ipv6 else socket.AF_INET
        super().__init__((address.host, address.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Cut the oldest connection where there are too many, and answer the new one."""
        with self._changing:
            self._open.append(request)
            oldest = self._open.pop(0) if len(self._open) > MAX_CONNECTIONS else None
        if oldest is not None:
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        with self._changing:
            if request in self._open:
                self._open.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of defects; a client that went away is none."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request; the connection then ends."""

    server: _Server
    server_version, sys_version = "rt-gait", ""
    timeout = LIMIT_SECS

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BytesIO(_head(self.connection))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not self._allowed():
            self._answer(HTTPStatus.UNAUTHORIZED, {"error": "a bearer token is wanted"})
        elif path == "/metrics":
            self._send(HTTPStatus.OK, CONTENT_TYPE, metrics_text(self.server.monitor))
        elif path == "/healthz":
            self._judge(self.server.monitor.alive())
        elif path == "/readyz":
            self._judge(self.server.monitor.ready())
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "try /metrics, /healthz or /readyz"})

    def log_message(self, *_: Any) -> None:
        """Requests are nobody's news."""

    def _allowed(self) -> bool:
        token = self.server.token
        given = self.headers.get("Authorization", "")
        wanted = f"Bearer {token}".encode()
        return not token or hmac.compare_digest(given.encode("utf-8", "replace"), wanted)

    def _judge(self, verdict: Verdict) -> None:
        status = HTTPStatus.OK if verdict.well else HTTPStatus.SERVICE_UNAVAILABLE
        self._answer(status, vars(verdict))

    def _answer(self, status: HTTPStatus, data: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(data) + "\n")

    def _send(self, status: HTTPStatus, content_type: str, text: str) -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)


def _head(connection: socket.socket) -> bytes:
    """Return a request up to its empty line; of one that is too long or too slow, nothing."""
    end_secs = time.monotonic() + LIMIT_SECS
    head = b""
    while b"\r\n\r\n" not in head:
        left_secs = end_secs - time.monotonic()
        if left_secs <= 0 or len(head) >= MAX_REQUEST_BYTES:
            return b""
        connection.settimeout(left_secs)
        part = connection.recv(MAX_REQUEST_BYTES - len(head))
        if not part:
            return b""
        head += part
    connection.settimeout(LIMIT_SECS)
    return head
