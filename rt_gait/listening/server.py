"""A listener that shares the process with a run, so nobody who connects may cost it anything.

A request has 8 KiB and 5 s, and where there are too many connections the oldest is cut.
"""

from __future__ import annotations

import base64
import hmac
import io
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from rt_gait.errors import UsageError
from rt_gait.listening.address import Address, token_variable
from rt_gait.serving.endpoint import is_loopback

MAX_REQUEST_BYTES = 8192
LIMIT_SECS = 5.0
"""For a whole request to come, and again for the answer to be taken."""
STALLED_SECS = 3.0
"""For a part of an answer without end to be taken."""


@dataclass(frozen=True)
class Answer:
    """What a page says."""

    status: HTTPStatus
    content_type: str
    body: bytes | Generator[bytes, None, None]
    """Parts of an answer that goes on until there are no more, or nobody takes them."""


@dataclass(frozen=True)
class Service:
    """Something that is told over HTTP."""

    name: str
    """As in its flag, ``--metrics``."""
    pages: Callable[[str], Answer]
    """Answers a path."""
    challenge: str = "Bearer"
    """How those are asked for a token who bring none; a browser asks its user for Basic."""
    connections_most: int = 8


@contextmanager
def listening(service: Service, address: Address, *, token: str | None = None) -> Iterator[None]:
    """Answer at an address, in a thread, while the block lasts.

    Args:
        service: What to tell.
        address: Where; others than this machine may reach it only with a token.
        token: What every request must bring as ``Authorization: Bearer``, or as the password of
            ``Authorization: Basic``.

    Raises:
        UsageError: others could reach it without a token, or the port cannot be had.
    """
    if not address.loopback and not token:
        raise UsageError(
            f"others than this machine could see the {service.name} at {address}; set "
            f"{token_variable(service.name)}, or stay on loopback: --{service.name} :{address.port}"
        )
    try:
        server = _Server(service, address, token)
    except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"--{service.name} needs a port that is free, and {address} cannot be had ({why}); "
            "choose another"
        ) from None
    thread = threading.Thread(
        target=server.serve_forever, args=(0.1,), name=service.name, daemon=True
    )
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

    def __init__(self, service: Service, address: Address, token: str | None) -> None:
        self.service, self.token = service, token
        self._open: list[socket.socket] = []
        self._changing = threading.Lock()
        self.address_family = socket.AF_INET6 if address.ipv6 else socket.AF_INET
        super().__init__((address.host, address.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Cut the oldest connection where there are too many, and answer the new one."""
        with self._changing:
            self._open.append(request)
            too_many = len(self._open) > self.service.connections_most
            oldest = self._open.pop(0) if too_many else None
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
        service = self.server.service
        if not self._asks_this_machine():
            advice = f"ask for localhost, or set {token_variable(service.name)}"
            self._send(complaint(HTTPStatus.FORBIDDEN, advice))
        elif not self._allowed():
            self._send(complaint(HTTPStatus.UNAUTHORIZED, "a bearer token is wanted"))
        else:
            self._send(service.pages(self.path.partition("?")[0]))

    def log_message(self, *_: Any) -> None:
        """Requests are nobody's news."""

    def _asks_this_machine(self) -> bool:
        """Return no for a page elsewhere whose name was made to lead here (DNS rebinding)."""
        host = self.headers.get("Host")
        if self.server.token or host is None:
            return True
        return is_loopback(re.sub(r":\d*$", "", host).strip("[]"))

    def _allowed(self) -> bool:
        token = self.server.token
        given = _token(self.headers.get("Authorization", ""))
        return not token or hmac.compare_digest(given, token.encode())

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Cache-Control", "no-store")
        if isinstance(answer.body, bytes):
            self.send_header("Content-Length", str(len(answer.body)))
        if answer.status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", self.server.service.challenge)
        self.end_headers()
        if isinstance(answer.body, bytes):
            self.wfile.write(answer.body)
            return
        self.connection.settimeout(STALLED_SECS)
        with closing(answer.body) as parts:
            for part in parts:
                self.wfile.write(part)


def _token(header: str) -> bytes:
    """Return what is given as the token: of Basic, the password."""
    kind, _, given = header.partition(" ")
    if kind == "Bearer":
        return given.encode("utf-8", "replace")
    if kind == "Basic":
        with suppress(ValueError):
            return base64.b64decode(given, validate=True).partition(b":")[2]
    return b""


def told(status: HTTPStatus, data: dict[str, Any]) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, "application/json", f"{json.dumps(data)}\n".encode())


def complaint(status: HTTPStatus, error: str) -> Answer:
    """Return why there is no answer."""
    return told(status, {"error": error})


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
