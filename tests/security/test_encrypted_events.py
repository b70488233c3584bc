"""Events over TLS, to a real broker and a real web server, by ``rt-gait publish``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt: the extra mqtt")

from broker import Broker, find_broker
from certificates import own_certificate
from event_receivers import Hook, Listener, event, until

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
        key, self.ca = own_certificate(folder)
        self._ends: list[Callable[[], None]]
        self.events: Callable[[], list[dict[str, Any]]]
        if kind == "mqtt":
            broker = Broker(folder, tls=(key, self.ca)).start()
            listener = Listener(broker.port, "site/+/stats", self.ca)
            self.url, self.events = broker.url("site"), listener.events
            self._ends = [listener.close, broker.kill]
        else:
            hook = Hook(tls=(key, self.ca))
            self.url, self.events = f"https://127.0.0.1:{hook.server_port}/in", lambda: hook.events
            self._ends = [hook.close]

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
    told = [event(number) for number in range(300)]
    with EventLog(log) as writer:
        writer.write(told)
    receiver = Receiver(kind, tmp_path)
    try:
        with publish(kind, log, receiver.url) as stranger:
            assert stranger.stderr is not None
            said = "".join(stranger.stderr.readline() for _ in range(2))
            stranger.send_signal(signal.SIGTERM)
        assert "certificate" in said.lower()
        assert receiver.events() == []
        with publish(kind, log, receiver.url, "--ca", str(receiver.ca)) as trusted:
            until(lambda: len(receiver.events()) == len(told), 30)
            trusted.send_signal(signal.SIGTERM)
            assert trusted.wait(20) == 0
        assert receiver.events() == told
    finally:
        receiver.close()
