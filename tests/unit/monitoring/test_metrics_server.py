"""Real requests, bad ones included, to a real listener."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from prometheus_text import parse
from run_world import World

from rt_gait.errors import UsageError
from rt_gait.listening import server
from rt_gait.listening.address import Address, parse_address
from rt_gait.listening.server import listening
from rt_gait.monitoring.ask import ask
from rt_gait.monitoring.exposition import CONTENT_TYPE
from rt_gait.monitoring.monitor import STALE_SECS, STUCK_SECS
from rt_gait.monitoring.server import metrics_service

TOKEN = "a token"


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    world: World, *, host: str = "127.0.0.1", token: str | None = None
) -> Iterator[Address]:
    address = Address(host, free_port(host))
    with listening(metrics_service(world.monitor), address, token=token):
        yield address


@pytest.fixture
def world() -> World:
    made = World("gate")
    made.builders["gate"].source_state("online")
    made.monitor.tick()
    made.frame("gate")
    return made


def get(address: Address, path: str, token: str | None = None) -> tuple[int, str, dict[str, str]]:
    headers = {} if token is None else {"Authorization": token}
    request = urllib.request.Request(f"http://{address.from_here}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode(), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def connect(address: Address) -> socket.socket:
    return socket.create_connection((address.host, address.port), timeout=20)


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def threads() -> int:
    return threading.active_count()


def test_metrics_and_health_are_told(world: World) -> None:
    with serving(world) as address:
        status, text, headers = get(address, "/metrics")
        assert (status, headers["Content-Type"]) == (200, CONTENT_TYPE)
        assert parse(text).value("rt_gait_frames_processed_total", source="gate") == 1
        assert "Python" not in headers["Server"]
        assert get(address, "/healthz")[0] == get(address, "/readyz?verbose")[0] == 200
        world.clock.secs += STALE_SECS + 1
        status, text, _ = get(address, "/readyz")
        assert status == 503
        assert json.loads(text) == {
            "well": False,
            "reason": "gate: no frame for 11 s",
            "sources": {"gate": {"state": "online", "secs_since_frame": 11.0}},
        }
        assert get(address, "/healthz")[0] == 200
        world.clock.secs += STUCK_SECS
        status, text, _ = get(address, "/healthz")
        assert (status, json.loads(text)["reason"]) == (
            503,
            "the main loop has been stuck for 71 s",
        )
        assert get(address, "/")[0] == get(address, "/../etc/passwd")[0] == 404


def test_with_a_token_every_request_must_bring_it(world: World) -> None:
    with serving(world, token=TOKEN) as address:
        for path in ("/metrics", "/healthz", "/readyz", "/"):
            for wrong in (
                None,
                "",
                TOKEN,
                "Bearer",
                f"Bearer {TOKEN}x",
                f"Basic {TOKEN}",
                "Bearer é",
            ):
                status, text, headers = get(address, path, wrong)
                assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
                assert "gate" not in text
        assert get(address, "/metrics", f"Bearer {TOKEN}")[0] == 200
        assert ask(address, "/readyz") == (False, "a bearer token is wanted")
        assert ask(address, "/readyz", token=TOKEN) == (True, "status 200")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "camera.example", "0", "127.1"])
def test_others_are_let_in_only_with_a_token(world: World, host: str) -> None:
    with (
        pytest.raises(UsageError, match="RT_GAIT_METRICS_TOKEN"),
        listening(metrics_service(world.monitor), Address(host, 9464)),
    ):
        pass


def test_all_addresses_with_a_token(world: World) -> None:
    with serving(world, host="0.0.0.0", token=TOKEN) as address:
        assert get(address, "/readyz", f"Bearer {TOKEN}")[0] == 200
        assert get(address, "/readyz")[0] == 401


def test_loopback_has_an_ipv6_address_too(world: World) -> None:
    try:
        free_port("::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with serving(world, host="::1") as address:
        assert get(address, "/readyz")[0] == 200


def test_a_port_that_is_taken_is_told(world: World) -> None:
    with (
        serving(world) as address,
        pytest.raises(UsageError, match=f"{address} cannot be had .*in use"),
        listening(metrics_service(world.monitor), address),
    ):
        pass


@pytest.mark.parametrize("host", ["a..b", "203.0.113.1", "no-such-host.invalid"])
def test_an_address_of_no_interface_is_told(world: World, host: str) -> None:
    with (
        pytest.raises(UsageError, match="cannot be had"),
        listening(metrics_service(world.monitor), Address(host, 9464), token=TOKEN),
    ):
        pass
    assert ask(Address("a..b", 9464), "/readyz")[1].startswith("no answer from a..b:9464")


def test_the_port_is_free_again_and_the_thread_gone_afterwards(world: World) -> None:
    before = threads()
    with serving(world) as address:
        get(address, "/metrics")
    with listening(metrics_service(world.monitor), address):
        assert get(address, "/metrics")[0] == 200
    assert threads() == before


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /metrics HTTP/1.1\r\nX: " + b"x" * server.MAX_REQUEST_BYTES + b"\r\n\r\n",
        b"x" * 10 * server.MAX_REQUEST_BYTES,
        b"GET /" + b"a" * 6000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n\r\n",
        "GET /\N{SNOWMAN} HTTP/1.1\r\nAuthorization: \N{SNOWMAN}\r\n\r\n".encode(),
    ],
)
def test_what_makes_no_sense_ends_without_metrics_or_a_trace(
    world: World, request_bytes: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(world) as address:
        with connect(address) as connection:
            try:
                connection.sendall(request_bytes)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.makefile("rb").read()
            except OSError:
                answer = b""  # cut while there was more to come
            assert b"200 OK" not in answer
            assert b"rt_gait_" not in answer
        assert get(address, "/metrics")[0] == 200
    assert capsys.readouterr().err == ""


def test_clients_that_never_finish_are_cut_and_hurt_nobody(world: World) -> None:
    before = threads()
    with serving(world) as address, ExitStack() as stack:
        slow = [stack.enter_context(connect(address)) for _ in range(40)]
        for connection in slow:
            try:
                connection.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
            except OSError:
                assert closed(connection)
        worst_secs = 0.0
        for _ in range(20):
            begun_secs = time.monotonic()
            assert get(address, "/metrics")[0] == 200
            worst_secs = max(worst_secs, time.monotonic() - begun_secs)
        left = threads() - before
        most = metrics_service(world.monitor).connections_most
        for connection in slow[:-most]:
            connection.settimeout(0)  # cut already, not only now
            assert closed(connection)
    assert worst_secs < server.LIMIT_SECS, "nobody waited for a slow client to be cut"
    assert left <= 2 + most


def test_a_byte_now_and_then_does_not_keep_a_connection(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(world) as address, connect(address) as connection:
        begun_secs = time.monotonic()
        try:
            while time.monotonic() - begun_secs < 10 * server.LIMIT_SECS:
                connection.sendall(b"G")
                time.sleep(0.2)
        except OSError:
            pass
        assert time.monotonic() - begun_secs < 4 * server.LIMIT_SECS
    assert capsys.readouterr().err == ""


def test_a_client_that_goes_away_is_no_news(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(world) as address:
        for _ in range(5):
            with connect(address) as connection:
                connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert get(address, "/readyz")[0] == 200
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":9464", "127.0.0.1", 9464),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[::1]:65535", "::1", 65535),
        ("[::]:80", "::", 80),
        ("localhost:9464", "localhost", 9464),
        ("a-b.example:9464", "a-b.example", 9464),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_address(text) == Address(host, port)
    assert parse_address(text).loopback is (host in ("127.0.0.1", "::1", "localhost"))


@pytest.mark.parametrize(
    "text",
    ["", ":", "9464", ":0", ":65536", ":-1", ":\uff19\uff14", "::1:9464", "[::1]", "a b:1", "a/b:1",
     "http://a:1", "u:p@a:1", ":1\n", "a:1:2", "[a]:1:2", ":123456"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=":PORT or HOST:PORT"):
        parse_address(text)


def test_what_listens_everywhere_is_asked_on_this_machine() -> None:
    assert str(Address("0.0.0.0", 9464).from_here) == "127.0.0.1:9464"
    assert str(Address("::", 9464).from_here) == "[::1]:9464"
    assert str(Address("10.0.0.7", 9464).from_here) == "10.0.0.7:9464"
