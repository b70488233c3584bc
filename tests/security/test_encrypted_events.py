"""Events over TLS, to a real broker and a real web server, by ``rt-gait publish``."""

from __future__ import annotations

import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt: the extra mqtt")

from broker import Broker, find_broker
from certificates import own_certificate
from paho.mqtt import client as paho

from rt_gait.events import EventLog

KINDS = [
    pytest.param(
        "mqtt",
        marks=pytest.mark.skipif(find_broker() is None, reason="no MQTT broker: make broker"),
    ),
    "webhook",
]


class Receiver:
    """A broker with a subscriber, or a web server, that speaks nothing but TLS."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        key, self.ca = own_certificate(folder)
        if kind == "mqtt":
            broker = Broker(folder, tls=(key, self.ca)).start()
            listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
            listener.tls_set(ca_certs=str(self.ca))
            ready = threading.Event()
            listener.on_connect = lambda c, *_: c.subscribe("site/+/stats", qos=1)
            listener.on_subscribe = lambda *_: ready.set()
            listener.on_message = lambda _c, _d, m: self.events.append(json.loads(m.payload))
            listener.connect("127.0.0.1", broker.port)
            listener.loop_start()
            assert ready.wait(10)
            self.url = broker.url("site")
            self._ends: list[Callable[[], Any]] = [
                listener.disconnect, listener.loop_stop, broker.kill,
            ]  # fmt: skip
            return
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"https://127.0.0.1:{server.server_port}/in"
        self._ends = [server.shutdown, server.server_close]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        events = self.events

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                events.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def close(self) -> None:
        for end in self._ends:
            end()


def publish(kind: str, log: Path, url: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rt_gait", "publish", str(log), *options]
    environment = os.environ | {f"RT_GAIT_{kind.upper()}": url}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", KINDS)
def test_events_come_encrypted_and_only_to_who_is_trusted(kind: str, tmp_path: Path) -> None:
    log = tmp_path / "e.jsonl"
    told = [
        {
            "specversion": "1.0", "id": f"run-{k}", "type": "io.rt-gait.stats.v1",
            "source": "urn:rt-gait:source:door", "sequence": k, "data": {},
        }
        for k in range(300)
    ]  # fmt: skip
    with EventLog(log) as writer:
        writer.write(told)
    receiver = Receiver(kind, tmp_path)
    try:
        with publish(kind, log, receiver.url) as stranger:
            assert stranger.stderr is not None
            said = "".join(stranger.stderr.readline() for _ in range(2))
            stranger.send_signal(signal.SIGTERM)
        assert "certificate" in said.lower()
        assert receiver.events == []
        with publish(kind, log, receiver.url, "--ca", str(receiver.ca)) as trusted:
            deadline = time.monotonic() + 30
            while len(receiver.events) < len(told) and time.monotonic() < deadline:
                time.sleep(0.05)
            trusted.send_signal(signal.SIGTERM)
            assert trusted.wait(20) == 0
        assert [e["sequence"] for e in receiver.events] == list(range(len(told)))
    finally:
        receiver.close()
