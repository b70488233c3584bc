"""Who events are sent to, real ones: a subscriber of a broker, and a web server. It needs paho."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho


def event(number: int, kind: str = "stats") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"run-{number}",
        "type": f"io.rt-gait.{kind}.v1",
        "source": "urn:rt-gait:source:door%2F1",
        "sequence": number,
        "data": {"text": "x" * 200},
    }


class Listener:
    """A subscriber, by paho, to everything below a prefix."""

    def __init__(self, port: int, topic: str = "#", ca: Path | None = None) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if ca is not None:
            self._client.tls_set(ca_certs=str(ca))
        ready = threading.Event()
        self._client.on_connect = lambda c, *_: c.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = lambda _c, _d, m: self.messages.append(
            (m.topic, m.payload, m.retain)
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(10)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for topic, body, _ in self.messages if "/status" not in topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def until(true: Callable[[], bool], secs: float = 20) -> None:
    deadline = time.monotonic() + secs
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Hook(http.server.ThreadingHTTPServer):
    """A web server that notes what is posted, and answers as it is told.

    ``tls`` are key and certificate: then it speaks nothing but TLS.
    """

    def __init__(self, port: int = 0, tls: tuple[Path, Path] | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 204
        self.asked = 0
        self.takes_its_time = threading.Event()
        self.takes_its_time.set()
        super().__init__(("127.0.0.1", port), _Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls[1], tls[0])
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.takes_its_time.wait(30)
        self.server.headers.append(dict(self.headers))
        if self.server.status == 204 and self.server.takes_its_time.is_set():
            self.server.events += json.loads(body)
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/other")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
