"""A real MQTT broker for tests: mosquitto, or amqtt in an environment of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

AMQTT = Path(sys.prefix) / "broker" / "bin" / "amqtt"
"""Where ``make broker`` puts it."""


def find_broker() -> str | None:
    """Return a broker's program, None where there is none."""
    places = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    return shutil.which("mosquitto", path=places) or (str(AMQTT) if AMQTT.exists() else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """A broker on loopback that can be stopped, killed and started again on its port."""

    def __init__(self, folder: Path, *, tls: tuple[Path, Path] | None = None) -> None:
        """``tls`` are key and certificate: then it speaks nothing but TLS."""
        program = find_broker()
        assert program is not None
        self.port = free_port()
        self._scheme = "mqtts" if tls else "mqtt"
        self._folder, self._process = folder, None
        if program.endswith("amqtt"):
            config = folder / "broker.yaml"
            safe = f"    ssl: true\n    certfile: {tls[1]}\n    keyfile: {tls[0]}\n" if tls else ""
            config.write_text(
                f"listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{self.port}\n{safe}"
                "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin:\n"
                "    allow_anonymous: true\n"
            )
        else:
            config = folder / "mosquitto.conf"
            safe = f"keyfile {tls[0]}\ncertfile {tls[1]}\n" if tls else ""
            config.write_text(
                "user root\n"  # where it is started by root: another could not read our folder
                f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                f"max_queued_messages 0\n{safe}"
            )
        self._command = [program, "-c", str(config)]

    def start(self) -> Broker:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            assert self._process.poll() is None, "the broker ended at once"
            time.sleep(0.05)
        raise AssertionError("the broker does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, path: str = "", login: str = "") -> str:
        return f"{self._scheme}://{login}127.0.0.1:{self.port}/{path}"
