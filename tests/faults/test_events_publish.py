"""Events reach a real broker and a real web server: all of them, in order, through outages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt: the extra mqtt")

from broker import Broker, find_broker, free_port
from event_receivers import Hook, Listener, event, until
from figures import Figures
from live_run import WALKERS, Diary, LiveRun, new_pipeline
from scripted import ScriptedDetector, ScriptedSource

from rt_gait.events import EventLog
from rt_gait.events.rotation import Rotation, parts
from rt_gait.events.spool import BATCH_EVENTS_MAX, Spool
from rt_gait.monitoring.process import resident_bytes
from rt_gait.publishing.address import parse_address
from rt_gait.publishing.mqtt import Mqtt
from rt_gait.publishing.publisher import Publisher
from rt_gait.publishing.webhook import Webhook

needs_broker = pytest.mark.skipif(
    find_broker() is None, reason="no MQTT broker: apt install mosquitto, or make broker"
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    made.start()
    yield made
    made.kill()


class Running:
    """A publisher in a thread, whose back-off is cut short, or ends when ``again`` is set."""

    def __init__(self, log: Path, receiver: Any, again: threading.Event | None = None) -> None:
        self.told: list[str] = []
        self._stop = threading.Event()
        self._again = again
        self.publisher = Publisher(
            Spool(log, log.with_name("place")),
            receiver,
            wait=self._wait,
            tell=self.told.append,
        )
        self._thread = threading.Thread(target=self.publisher.run)
        self._thread.start()

    def _wait(self, secs: float) -> bool:
        if self._again:
            self._again.wait()
        return self._stop.wait(min(secs, 0.1))

    def stop(self) -> None:
        self._stop.set()
        if self._again:
            self._again.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def in_order_once_repeats_are_left_out(events: list[dict[str, Any]]) -> list[int]:
    seen: dict[str, int] = {}
    for one in events:
        seen.setdefault(one["id"], one["sequence"])
    return list(seen.values())


@needs_broker
def test_r20_ten_thousand_events_survive_a_broker_that_is_away(
    tmp_path: Path, figures: Figures
) -> None:
    made, log, listening = Broker(tmp_path), tmp_path / "e.jsonl", threading.Event()
    with EventLog(log, rotation=Rotation(max_bytes=500_000)) as writer:
        mqtt = Mqtt(parse_address(made.url("site"), ("mqtt",)), timeout_secs=5)
        running = Running(log, mqtt, again=listening)
        try:
            before = resident_bytes() / 1e6
            writer.write(event(i) for i in range(10_000))
            until(lambda: bool(running.told))
            assert running.publisher.sent == 0
            grown_mb = resident_bytes() / 1e6 - before
            made.start()
            listener = Listener(made.port)
            back_secs = time.monotonic()
            listening.set()
            until(lambda: running.publisher.sent == 10_000, 60)
            drained_secs = time.monotonic() - back_secs
            until(lambda: len(set(e["id"] for e in listener.events())) == 10_000, 60)
        finally:
            running.stop()
            made.kill()
    assert len(parts(log)) > 3, "the log was rotated while it was read"
    came = in_order_once_repeats_are_left_out(listener.events())
    listener.close()
    what = "10,000 events while the broker is away"
    figures.exactly("R20", f"{what}: lost", 10_000 - len(came), 0)
    figures.at_most("R20", f"{what}: sent once it is back, in", drained_secs, 10, "s")
    figures.at_most("R20", f"{what}: memory", grown_mb, 10, "MB", slack=1)
    assert came == list(range(10_000))


@needs_broker
def test_r20_a_broker_killed_in_the_middle_loses_nothing(tmp_path: Path, broker: Broker) -> None:
    log, total = tmp_path / "e.jsonl", 4000
    listener = Listener(broker.port)
    running = Running(log, Mqtt(parse_address(broker.url("site"), ("mqtt",)), timeout_secs=5))
    try:
        with EventLog(log) as writer:
            writer.write(event(i) for i in range(total))
        until(lambda: running.publisher.sent >= BATCH_EVENTS_MAX)
        broker.kill()
        confirmed = running.publisher.sent
        until(lambda: bool(running.told) or running.publisher.sent == total)
        assert confirmed < total, "it was killed after the last event: nothing is shown"
        first = listener.events()
        listener.close()
        broker.start()
        again = Listener(broker.port)
        until(lambda: running.publisher.sent == total, 60)
        until(lambda: again.events()[-1:] == [event(total - 1)])
    finally:
        running.stop()
    # What came between the new start and the new subscription may be missing here only.
    assert first[0]["sequence"] == 0
    tail = in_order_once_repeats_are_left_out(again.events())
    assert tail == list(range(tail[0], total))
    again.close()


@needs_broker
def test_the_status_is_retained_and_a_killed_publisher_leaves_its_last_will(
    tmp_path: Path, broker: Broker
) -> None:
    log = tmp_path / "e.jsonl"
    with EventLog(log) as writer:
        writer.write([event(0, "source.state"), event(1, "track.started")])
    environment = os.environ | {"RT_GAIT_MQTT": broker.url("site")}
    command = [sys.executable, "-m", "rt_gait", "publish", str(log)]
    for how, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        try:
            until(lambda: _retained(broker).get("site/status") == b"online", 30)
            process.send_signal(how)
            assert process.wait(20) == code
        finally:
            process.kill()
            process.communicate()
        until(lambda: _retained(broker).get("site/status") == b"offline", 30)
    kept = _retained(broker)
    assert set(kept) == {"site/status", "site/door%2F1/source"}
    assert json.loads(kept["site/door%2F1/source"]) == event(0, "source.state")


def _retained(broker: Broker) -> dict[str, bytes]:
    listener = Listener(broker.port)
    time.sleep(0.1)
    listener.close()
    return {topic: body for topic, body, retained in listener.messages if retained}


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_a_webhook_that_fails_gets_everything_once_it_works(tmp_path: Path, status: int) -> None:
    log, hook = tmp_path / "e.jsonl", Hook()
    hook.status = status
    url = f"http://u:pa%20ss@127.0.0.1:{hook.server_port}/in?key=1"
    running = Running(log, Webhook(parse_address(url, ("http",))))
    try:
        with EventLog(log) as writer:
            writer.write(event(i) for i in range(500))
            until(lambda: bool(running.told))
            assert (running.publisher.sent, hook.events) == (0, [])
            hook.status = 204
            until(lambda: running.publisher.sent == 500)
            writer.write([event(500)])
            until(lambda: running.publisher.sent == 501)
    finally:
        running.stop()
        hook.close()
    assert [e["sequence"] for e in hook.events] == list(range(501))
    assert hook.headers[0]["Authorization"] == "Basic dTpwYSBzcw=="
    assert hook.headers[0]["Content-Type"].startswith("application/cloudevents-batch+json")
    assert "pa" not in running.told[0] and str(status) in running.told[0]


def test_an_event_sent_before_a_new_start_is_not_sent_again(tmp_path: Path) -> None:
    log, hook = tmp_path / "e.jsonl", Hook()
    address = parse_address(f"http://127.0.0.1:{hook.server_port}/", ("http",))
    with EventLog(log) as writer:
        for first, last in ((0, 300), (300, 450)):
            writer.write(event(i) for i in range(first, last))
            running = Running(log, Webhook(address))
            until(lambda: len(hook.events) == last)  # noqa: B023
            running.stop()
    hook.close()
    assert [e["sequence"] for e in hook.events] == list(range(450))


def test_a_password_on_the_command_line_is_refused_and_not_repeated(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rt_gait", "publish", str(tmp_path / "e.jsonl")]
    url = f"mqtt://ann:hunter2@127.0.0.1:{free_port()}/x"
    process = subprocess.Popen(
        [*command, "--mqtt", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said = "".join(process.communicate(timeout=30))
    assert process.returncode == 2
    assert "RT_GAIT_MQTT" in said and "hunter2" not in said


def test_r21_a_webhook_that_takes_30_seconds_slows_nothing_down(
    tmp_path: Path, figures: Figures
) -> None:
    log, hook, diary = tmp_path / "e.jsonl", Hook(), Diary()
    hook.takes_its_time.clear()
    source = ScriptedSource(10**6, live=True, pause=lambda: time.sleep(0.04))
    run = LiveRun(source, log, pipeline=new_pipeline(ScriptedDetector(WALKERS)), outputs=[diary])
    where = f"http://127.0.0.1:{hook.server_port}/"
    command = [sys.executable, "-m", "rt_gait", "publish", str(log), "--webhook", where]
    with run:
        until(lambda: len(diary.frames) > 25)
        before = _rate(diary, 5)
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            until(lambda: hook.asked > 0, 60)
            during = _rate(diary, 5)
            answered = list(hook.events)
            process.kill()
    hook.takes_its_time.set()
    hook.close()
    assert answered == []
    share = during / before
    figures.at_least(
        "R21", "a webhook that takes 30 s: frame rate kept", share, 0.95, "", slack=1.3
    )


def _rate(diary: Diary, secs: float) -> float:
    begun, begun_secs = len(diary.frames), time.monotonic()
    time.sleep(secs)
    return (len(diary.frames) - begun) / (time.monotonic() - begun_secs)
