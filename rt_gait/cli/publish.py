"""``rt-gait publish``: the event log to a broker or a web address, in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from rt_gait.cli.options import option
from rt_gait.errors import UsageError

MQTT_VARIABLE, WEBHOOK_VARIABLE = "RT_GAIT_MQTT", "RT_GAIT_WEBHOOK"


def publish(
    events: Annotated[Path, typer.Argument(help="Event log made by --events; may still grow")],
    mqtt: Annotated[
        str | None,
        option("--mqtt", text=f"mqtt[s]://host[:port]/topic (or in {MQTT_VARIABLE})"),
    ] = None,
    webhook: Annotated[
        str | None,
        option("--webhook", text=f"http[s]://host[:port]/path (or in {WEBHOOK_VARIABLE})"),
    ] = None,
    ca: Annotated[
        Path | None, option("--ca", text="Certificates to trust, PEM, for mqtts and https")
    ] = None,
) -> None:
    """Send the events of a log on, at least once and in order, until stopped."""
    from rt_gait.events.spool import Spool
    from rt_gait.publishing.mqtt import Mqtt
    from rt_gait.publishing.publisher import Publisher
    from rt_gait.publishing.webhook import Webhook

    if mqtt is None and webhook is None:
        mqtt, webhook = os.environ.get(MQTT_VARIABLE), os.environ.get(WEBHOOK_VARIABLE)
    else:
        _no_password(mqtt, MQTT_VARIABLE)
        _no_password(webhook, WEBHOOK_VARIABLE)
    if bool(mqtt) == bool(webhook):
        raise UsageError("give --mqtt or --webhook, one of them; each receiver has its own process")
    from rt_gait.publishing.address import parse_address

    address = parse_address(mqtt or webhook or "", ("mqtt", "mqtts") if mqtt else ("http", "https"))
    receiver = Mqtt(address, ca=ca) if mqtt else Webhook(address, ca=ca)
    spool = Spool(events, events.with_name(f"{events.name}.sent-{address.place}"))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _tell(f"sending {events.name} to {address.shown}")
    publisher = Publisher(spool, receiver, wait=stop.wait, tell=_tell)
    publisher.run()
    _tell(f"stopped; {publisher.sent} events sent")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _no_password(address: str | None, variable: str) -> None:
    """Refuse a password where every user of the machine can read it."""
    if address is not None and ("@" in address or "?" in address):
        raise UsageError(
            "an address with a password or a query shows in the list of processes; put it into "
            f"{variable}"
        )
