"""Events to an MQTT broker, by paho-mqtt (the extra ``mqtt``).

Topics below the prefix: ``<source>/<kind>``, kind one of run, source, track, identity, stats; the
last ``source`` of each is retained. ``status`` says ``online`` or, by the last will, ``offline``.
"""

from __future__ import annotations

import json
import re
import secrets
import ssl
import time
from pathlib import Path
from threading import Event as Flag
from typing import Any

from rt_gait.errors import UsageError, why
from rt_gait.events.schema import SOURCE_STATE, Event
from rt_gait.publishing.address import Address
from rt_gait.publishing.publisher import DeliveryError
from rt_gait.publishing.webhook import tls_context

TIMEOUT_SECS = 10.0
KEEP_ALIVE_SECS = 15
"""A broker tells others that a client is gone after one and a half times this."""
DEFAULT_PREFIX = "rt-gait"
_KIND = re.compile(r"io\.rt-gait\.([a-z]+)\.")


class Mqtt:
    """Publishes with QoS 1 and waits for every acknowledgement.

    A connection that failed is thrown away with all it held, and the batch sent again on a new
    one: so order is kept, and memory holds one batch.

    Args:
        address: ``mqtt://`` or ``mqtts://``; its path is the prefix of the topics.
        ca: Certificates to trust, PEM, where the system's do not do.
        timeout_secs: How long connecting, and the acknowledgement of a batch, may take.

    Raises:
        UsageError: paho-mqtt is not installed, or the prefix cannot be a topic.
    """

    def __init__(
        self, address: Address, *, ca: Path | None = None, timeout_secs: float = TIMEOUT_SECS
    ) -> None:
        try:
            from paho.mqtt import client
        except ImportError:
            raise UsageError("--mqtt needs paho-mqtt: pip install 'rt-gait[mqtt]'") from None
        prefix = address.target.strip("/") or DEFAULT_PREFIX
        if any(char in prefix for char in "+#?"):
            raise UsageError("the path of an mqtt address is a topic, without + # and ?")
        self._paho, self._address, self._prefix = client, address, prefix
        self._timeout_secs = timeout_secs
        self._context = tls_context(ca) if address.scheme == "mqtts" else None
        self._client: Any = None
        self._down = Flag()

    def send(self, events: list[Event]) -> None:
        """Publish the events, or with none of them make sure that the status is online."""
        try:
            if self._client is None or self._down.is_set():
                self._connect()
            sent = [self._publish(event) for event in events]
            self._confirm(sent)
        except (OSError, ssl.SSLError, ValueError, RuntimeError) as error:
            self._drop()
            told = f"{self._address.shown} does not take events ({why(error)})"
            raise DeliveryError(told) from None
        except DeliveryError:
            self._drop()
            raise

    def close(self) -> None:
        """Say offline, and leave."""
        if self._client is not None and not self._down.is_set():
            try:
                self._confirm([self._status("offline")])
            except (DeliveryError, ValueError, RuntimeError):
                pass  # the last will says it
            else:
                self._client.disconnect()
        self._drop()

    def _connect(self) -> None:
        self._drop()
        paho, done, answer = self._paho, Flag(), []
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=f"rt-gait-{secrets.token_hex(6)}",
            reconnect_on_failure=False,
        )
        self._down = down = Flag()

        def on_connect(_c: Any, _d: Any, _f: Any, reason: Any, _p: Any) -> None:
            answer.append(reason)
            done.set()

        def on_disconnect(*_: Any) -> None:
            down.set()
            done.set()

        client.on_connect, client.on_disconnect = on_connect, on_disconnect
        client.connect_timeout = self._timeout_secs
        client.max_inflight_messages_set(1000)
        if self._address.user is not None:
            client.username_pw_set(self._address.user, self._address.password)
        if self._context is not None:
            client.tls_set_context(self._context)
        client.will_set(f"{self._prefix}/status", "offline", qos=1, retain=True)
        client.connect(self._address.host, self._address.port, keepalive=KEEP_ALIVE_SECS)
        self._client = client
        client.loop_start()
        if not done.wait(self._timeout_secs):
            raise DeliveryError(f"{self._address.shown} did not answer in time")
        if not answer or answer[0].is_failure:
            why = answer[0] if answer else "connection closed"
            raise DeliveryError(f"{self._address.shown} refuses: {why}")
        self._confirm([self._status("online")])

    def _status(self, text: str) -> Any:
        return self._client.publish(f"{self._prefix}/status", text, qos=1, retain=True)

    def _publish(self, event: Event) -> Any:
        match = _KIND.match(event["type"])
        # The name in the URN is percent-encoded: no "/", "+" or "#" of a source gets through.
        source = re.sub(r"[/+#\x00]", "_", event["source"].rpartition(":")[2]) or "source"
        topic = f"{self._prefix}/{source}/{match.group(1) if match else 'other'}"
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        payload = body.encode("utf-8", "replace")
        return self._client.publish(topic, payload, qos=1, retain=event["type"] == SOURCE_STATE)

    def _confirm(self, sent: list[Any]) -> None:
        deadline = time.monotonic() + self._timeout_secs
        for message in sent:
            while not message.is_published():
                if self._down.is_set():
                    raise DeliveryError(f"{self._address.shown} closed the connection")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise DeliveryError(f"{self._address.shown} does not acknowledge in time")
                message.wait_for_publish(min(left, 0.5))

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
