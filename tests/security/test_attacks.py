"""S1 to S13: each attack tried, as far as this program meets it."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import pickle
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.config import load_settings
from rt_gait.errors import GalleryError, OutputError, RtGaitError, SourceOpenError, UsageError
from rt_gait.events import EventBuilder, EventLog, read_events
from rt_gait.events.names import public_settings
from rt_gait.identity.audit import audit
from rt_gait.identity.consent import Consent, new_consent
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey
from rt_gait.publishing.address import parse_address
from rt_gait.redaction import hide_secrets
from rt_gait.serving.repository import load_info
from rt_gait.video.source import open_source

ROOT = Path(__file__).parents[2]
KEY = TemplateKey("gei@1a2b3c4d", "person_seg@9f8e7d6c")
SECRET = "hunter2"


def rt_gait(*arguments: object, **environment: str) -> tuple[int, str]:
    """Run the program; return its exit code and all it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rt_gait", *map(str, arguments)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said = process.communicate(timeout=60)[0].decode("utf-8", "replace")
    finally:
        process.kill()
    return process.returncode, said


def vectors(seed: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 64)).astype(np.float32)


class Trap:
    """Unpickling one of these makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> object:
        return (Path.touch, (self.mark,))


def test_the_trap_of_s1_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("shape", ["raw", "npz", "torch"])
def test_s1_a_pickle_is_never_run(tmp_path: Path, shape: str) -> None:
    mark, evil = tmp_path / "sprung", tmp_path / "evil.pt"
    data = pickle.dumps(Trap(mark))
    if shape == "raw":
        evil.write_bytes(data)
    elif shape == "torch":
        with zipfile.ZipFile(evil, "w") as archive:
            archive.writestr("evil/data.pkl", data)
    else:
        with evil.open("wb") as file:
            np.savez(file, silhouettes=np.array([Trap(mark)], dtype=object))
    npz = tmp_path / "track_1.npz"
    shutil.copy(evil, npz)
    video = ROOT / "samples" / "crossing.mp4"
    attempts: list[tuple[object, ...]] = [
        ("--video", video, "--detector", evil, "--headless"),
        ("--video", video, "--headless", "--gallery", evil),
        ("embed", npz, "--out", tmp_path / "out.npz"),
        ("gallery", "import", evil, "--gallery", tmp_path / "g"),
        ("replay", evil),
        ("--config", evil, "--video", video),
    ]
    for attempt in attempts:
        code, said = rt_gait(*attempt)
        assert code in (2, 3, 4, 7), (attempt, said)
        assert "Traceback" not in said
    assert not mark.exists()


def test_s2_every_package_is_pinned_with_its_hash() -> None:
    for name in ("core.txt", "dev.txt", "broker.txt"):
        text = (ROOT / "requirements" / name).read_text()
        packages = re.findall(r"^[a-z].*", text, re.MULTILINE)
        assert len(packages) > 20
        assert all("==" in line and line.rstrip().endswith("\\") for line in packages)
    assert "--require-hashes" in (ROOT / "Makefile").read_text()


def test_s3_triton_serves_a_fixed_set_of_models_on_loopback() -> None:
    from rt_gait.serving.server import process

    assert process.HOST == "127.0.0.1"
    for file in ("rt_gait/serving/server/process.py", "docker/server.Dockerfile"):
        assert "--model-control-mode=none" in (ROOT / file).read_text()
    ports = re.findall(r'"([\d.:]+:\d+)"', (ROOT / "docker" / "compose.yaml").read_text())
    ports = [port for port in ports if port != "1000:1000"]  # of a user
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_s4_a_config_is_data_and_of_bounded_size(tmp_path: Path) -> None:
    mark, path = tmp_path / "sprung", tmp_path / "c.toml"
    path.write_text(f"!!python/object/apply:pathlib.Path.touch ['{mark}']\n")
    with pytest.raises(UsageError, match="not TOML"):
        load_settings(path)
    path.write_text("a = " + "[" * 100_000)
    with pytest.raises(UsageError):
        load_settings(path)
    path.write_bytes(b"# " + b"x" * 2_000_000)
    with pytest.raises(UsageError, match="at most"):
        load_settings(path)
    assert not mark.exists()
    imports = [p for p in (ROOT / "rt_gait").rglob("*.py") if "import yaml" in p.read_text()]
    assert imports == []


hostile = st.one_of(
    st.sampled_from(
        ["../../etc/x", "..", "/etc/passwd", "a\0b", "x" * 10_000, "~root", "-rf", "\n"]
    ),
    st.text(max_size=80),
)


@settings(max_examples=60, deadline=None)
@given(name=hostile)
def test_s5_names_never_become_paths(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("s5")
    path = folder / "in" / "g"
    path.parent.mkdir()
    with Gallery.create_or_open(path) as gallery:
        try:
            gallery.enrol(name=name, vectors=vectors(0), key=KEY, source=name)
            gallery.export(path.with_name("export"))
        except GalleryError:
            pass
    assert [p.name for p in folder.iterdir()] == ["in"]
    assert {p.name for p in path.parent.iterdir()} <= {"g", "g-wal", "g-shm", "export"}


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a/b", "..", "", "x\0y", "é" * 5000])
def test_s5_a_model_name_is_no_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.pbtxt").write_text('name: "x"')
    (tmp_path / "models").mkdir()
    with pytest.raises(UsageError):
        load_info(tmp_path / "models", name)


SECRETS = [
    f"rtsp://ann:{SECRET}@127.0.0.1:9/ch1",
    f"rtsp://ann:p@/?#{SECRET}@127.0.0.1:9/ch1",
    f"http://127.0.0.1:9/cgi?user=ann&pwd={SECRET}",
]


@pytest.mark.parametrize("address", SECRETS)
def test_s7_no_error_repeats_a_password(tmp_path: Path, address: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f'camera = "{address}"\n')
    attempts: list[tuple[object, ...]] = [
        ("--video", address, "--headless"),
        ("--config", config),
        ("--camera", "0", "--triton", address, "--headless"),
        ("--video", ROOT / "samples" / "crossing.mp4", "--gallery", address, "--headless"),
        ("publish", tmp_path / "e.jsonl", "--mqtt", address),
        ("publish", tmp_path / "e.jsonl", "--webhook", address.replace("rtsp", "gopher")),
        ("replay", address),
        ("purge", address, "--days", "1"),
    ]
    for attempt in attempts:
        code, said = rt_gait(*attempt, RT_GAIT_WAIT_TRITON="0")
        assert code != 0, attempt
        assert SECRET not in said, (attempt, said)


@pytest.mark.parametrize("address", SECRETS)
def test_s7_no_event_repeats_a_password(tmp_path: Path, address: str) -> None:
    from datetime import datetime, timezone

    builder = EventBuilder(
        run_id="r",
        source_name=address,
        frame_size_wh=(1, 1),
        model=None,
        gallery_revision=None,
        utc_now=lambda: datetime.now(timezone.utc),
    )
    events = builder.run_started({"rtsp": address, "list": [address]}, {})
    events += builder.source_state("offline", f"cannot open {address}: refused")
    events += builder.run_ended(f"Error opening '{address}'", 5)
    with EventLog(tmp_path / "e.jsonl") as log:
        log.write(events)
    assert SECRET not in (tmp_path / "e.jsonl").read_text()
    assert SECRET not in json.dumps(public_settings({"a": {"b": (address,)}}))
    assert SECRET not in hide_secrets(f"x {address} y '{address}'")


def test_s7_a_crash_does_not_print_a_password() -> None:
    code = (
        "import sys, rt_gait.cli.app as a\n"
        f"def app(): raise RuntimeError('cannot open {SECRETS[0]}')\n"
        "a.app = app\nfrom rt_gait.__main__ import main\nmain()"
    )
    done = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    said = done.communicate(timeout=30)[1]
    assert done.returncode == 1 and "RuntimeError" in said and SECRET not in said


def test_s7_an_address_hides_its_secrets_from_print_and_repr() -> None:
    address = parse_address(f"mqtts://ann:{SECRET}@broker/x?key={SECRET}", ("mqtts",))
    assert address.password == SECRET
    assert SECRET not in f"{address} {address!r} {address.shown} {address.place}"


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "gopher://h/x",
        "http://",
        "http://h:99999/",
        "http://h\r\nX: y/",
        "h",
        "",
    ],
)
def test_s8_a_receiver_has_an_allowed_scheme(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text, ("http", "https"))


@pytest.mark.parametrize("kind", ["m3u8", "concat", "sdp"])
def test_s8_a_video_cannot_make_the_decoder_fetch_anything(tmp_path: Path, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        text = {
            "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
            "concat": f"ffconcat version 1.0\nfile '{url}'\n",
            "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
            "m=video 5004 RTP/AVP 26\n",
        }[kind]
        for name in (f"x.{kind}", "x.mp4"):
            (tmp_path / name).write_text(text)
            with pytest.raises(SourceOpenError):
                open_source(video=tmp_path / name, camera=None, frame_rate=None)
        with pytest.raises(TimeoutError):
            server.accept()


class _Answers(http.server.BaseHTTPRequestHandler):
    """A camera's web server that has been taken over: each path is an attack."""

    elsewhere = ""

    def do_GET(self) -> None:
        url, kind = self.elsewhere, self.path.strip("/")
        bodies = {
            "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
            "concat": f"ffconcat version 1.0\nfile '{url}'\n",
            "dash": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
            'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
            f'<Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL></Representation>'
            "</AdaptationSet></Period></MPD>",
            "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
            "m=video 5004 RTP/AVP 26\n",
        }
        if kind in bodies:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(bodies[kind].encode())
        else:
            self.send_response(int(kind))
            self.send_header("Location", url)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("kind", ["301", "302", "307", "m3u8", "concat", "dash", "sdp"])
@pytest.mark.parametrize("target", ["http", "file", "rtsp"])
def test_s8_a_network_camera_cannot_send_us_elsewhere(
    tmp_path: Path, kind: str, target: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.2)
        there = f"127.0.0.1:{other.getsockname()[1]}/x.mp4"
        secret = ROOT / "samples" / "enrol_ben.mp4"
        url = f"file://{secret}" if target == "file" else f"{target}://{there}"
        handler = type("Answers", (_Answers,), {"elsewhere": url})
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as camera:
            threading.Thread(target=camera.serve_forever, args=(0.02,), daemon=True).start()
            with pytest.raises(SourceOpenError):
                open_source(
                    video=None, camera=None, uri=f"http://127.0.0.1:{camera.server_port}/{kind}"
                )
            camera.shutdown()
        with pytest.raises(TimeoutError):
            other.accept()


def test_s8_an_rtsp_camera_can_send_us_to_rtsp_only(tmp_path: Path) -> None:
    """FFmpeg follows a redirect of RTSP, and offers no way not to: never to another protocol."""

    def answer(server: socket.socket, location: str) -> None:
        connection, _ = server.accept()
        with connection:
            while request := connection.recv(4096).decode():
                number = re.search(r"(?im)^cseq:.*$", request)
                assert number is not None
                head = "302 Moved" if request.startswith("DESCRIBE") else "200 OK"
                more = f"Location: {location}" if "302" in head else "Public: DESCRIBE"
                text = f"RTSP/1.0 {head}\r\n{number[0].strip()}\r\n{more}\r\n\r\n"
                connection.sendall(text.encode())

    for scheme in ("http", "file", "tcp"):
        with (
            socket.create_server(("127.0.0.1", 0)) as camera,
            socket.create_server(("127.0.0.1", 0)) as other,
        ):
            other.settimeout(0.2)
            location = f"{scheme}://127.0.0.1:{other.getsockname()[1]}/x.mp4"
            thread = threading.Thread(target=answer, args=(camera, location), daemon=True)
            thread.start()
            uri = f"rtsp://ann:{SECRET}@127.0.0.1:{camera.getsockname()[1]}/live"
            with pytest.raises(SourceOpenError) as caught:
                open_source(video=None, camera=None, uri=uri)
            assert SECRET not in str(caught.value)
            with pytest.raises(TimeoutError):
                other.accept()
            thread.join(5)


def inet_sockets(pid: int) -> int:
    """Count the TCP and UDP sockets of a process."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # of this very listing
            held.add(str(link.readlink()))
    tables = (Path(f"/proc/net/{kind}") for kind in ("tcp", "tcp6", "udp", "udp6"))
    rows = [row for t in tables if t.exists() for row in t.read_text().splitlines()[1:]]
    return sum(f"socket:[{row.split()[9]}]" in held for row in rows)


def test_s6_a_run_can_be_reached_by_nobody(tmp_path: Path) -> None:
    """Nothing listens that was not asked for; what was asked for has tests of its own."""
    with socket.create_server(("127.0.0.1", 0)):
        assert inet_sockets(os.getpid()) >= 1, "sockets are not found here: nothing is shown"
    log = tmp_path / "e.jsonl"
    command = [sys.executable, "-m", "rt_gait", "--model", "gei", "--headless", "--events", log]
    with subprocess.Popen(
        [*command, "--video", ROOT / "samples" / "crossing.mp4"], stderr=subprocess.DEVNULL
    ) as process:
        try:
            while not (log.exists() and b'"online"' in log.read_bytes()):
                assert process.poll() is None
                time.sleep(0.05)
            assert inet_sockets(process.pid) == 0
        finally:
            process.kill()


def test_s9_a_picture_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "0001.png").write_bytes(png)
    with pytest.raises(RtGaitError):
        open_source(video=tmp_path, camera=None, frame_rate=25.0)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    pytest.importorskip("cryptography", reason="needs cryptography: the extra encryption")
    file = tmp_path / "key"
    file.write_text("5a" * 32 + "\n")
    monkeypatch.setenv("RT_GAIT_GALLERY_KEY_FILE", str(file))
    monkeypatch.delenv("RT_GAIT_GALLERY_KEY", raising=False)
    yield file


def contents(path: Path) -> bytes:
    """Return the bytes of the gallery and of all files that SQLite keeps beside it."""
    beside = [path, *(Path(f"{path}{end}") for end in ("-wal", "-shm", "-journal"))]
    return b"".join(p.read_bytes() for p in beside if p.exists())


def test_s10_a_stolen_encrypted_gallery_holds_no_template(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, anna, ben = tmp_path / "g", vectors(1), vectors(2)
    with Gallery.create_or_open(path) as gallery:
        gallery.enrol(name="anna", vectors=anna, key=KEY)
        plain = gallery.templates(KEY).vectors
        assert all(row.tobytes() in contents(path) for row in plain)
        gallery.encrypt()
        gallery.enrol(name="ben", vectors=ben, key=KEY)
        both = gallery.templates(KEY).vectors
    assert len(both) == 8 and {r.tobytes() for r in plain} < {r.tobytes() for r in both}
    for row in both:
        assert row.tobytes() not in contents(path) and row.tobytes()[:16] not in contents(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with Gallery.open(path, read_only=True) as gallery:
        np.testing.assert_array_equal(gallery.templates(KEY).vectors, both)
    key.write_text("5b" * 32)
    with Gallery.open(path) as gallery, pytest.raises(GalleryError, match="another key"):
        gallery.templates(KEY)
    for bad in ("", "xyz", "5a" * 31):
        key.write_text(bad)
        with Gallery.open(path) as gallery, pytest.raises(UsageError, match=r"key|hex"):
            gallery.enrol(name="cleo", vectors=ben, key=KEY)
    monkeypatch.delenv("RT_GAIT_GALLERY_KEY_FILE")
    with Gallery.open(path) as gallery, pytest.raises(UsageError, match="key"):
        gallery.templates(KEY)


def test_s10_a_template_of_an_encrypted_gallery_cannot_be_moved_to_another(
    tmp_path: Path, key: Path
) -> None:
    path = tmp_path / "g"
    with Gallery.create_or_open(path) as gallery:
        gallery.encrypt()
        ids = [gallery.enrol(name=n, vectors=vectors(i), key=KEY) for i, n in enumerate("ab")]
    connection = sqlite3.connect(path)
    connection.execute("UPDATE templates SET subject_id = ? WHERE subject_id = ?", ids)
    connection.commit()
    connection.close()
    with Gallery.open(path) as gallery, pytest.raises(GalleryError, match="changed"):
        gallery.templates(KEY)


@pytest.mark.parametrize("sealed", [False, True])
def test_s10_forget_leaves_nothing_behind(tmp_path: Path, key: Path, sealed: bool) -> None:
    path, person = tmp_path / "g", vectors(1)
    consent = Consent("form-of-anna-17", "2999-01-01")
    with Gallery.create_or_open(path) as gallery:
        gallery.enrol(name="ben", vectors=vectors(2), key=KEY)
        if sealed:
            gallery.encrypt()
        anna = gallery.enrol(
            name="anna-the-person", vectors=person, key=KEY, source="anna.mp4", consent=consent
        )
        rows = [r.tobytes() for r in gallery.templates(KEY).vectors]
    words = [b"anna-the-person", b"form-of-anna-17", b"anna.mp4", anna.encode()]
    assert all(word in contents(path) for word in words)
    code, said = rt_gait("gallery", "forget", "anna-the-person", "--gallery", path)
    assert code == 0, said
    left = contents(path)
    with Gallery.open(path) as gallery:
        kept = {r.tobytes() for r in gallery.templates(KEY).vectors}
    for row in set(rows) - kept:
        assert row not in left and row[:16] not in left
    assert len(kept) == 4
    assert not any(word in left for word in words)
    log = (tmp_path / "g.audit.jsonl").read_text()
    assert json.loads(log)["action"] == "forgotten" and json.loads(log)["subject_id"] == anna
    assert "anna-the-person" not in log and "form-of-anna" not in log


def test_s10_who_is_not_enrolled_is_never_stored(tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"
    before = hashlib.sha256((ROOT / "samples" / "people.gallery").read_bytes()).hexdigest()
    shutil.copy(ROOT / "samples" / "people.gallery", tmp_path / "g")
    walk = tmp_path / "walk"
    walk.mkdir()
    video = cv2.VideoCapture(str(ROOT / "samples" / "enrol_ben.mp4"))
    for number in range(60):
        cv2.imwrite(str(walk / f"{number:03d}.jpg"), video.read()[1])
    code, said = rt_gait(
        *("--video", walk, "--fps", 25, "--gallery", tmp_path / "g", "--events", events)
    )
    assert code == 0, said
    assert hashlib.sha256((tmp_path / "g").read_bytes()).hexdigest() == before
    assert {p.name for p in tmp_path.iterdir()} <= {"e.jsonl", "g", "g-wal", "g-shm", "walk"}
    ended = [e for e in read_events(events) if e["type"].endswith("track.ended.v1")]
    assert any(e["data"]["identity"]["windows"] for e in ended), "nobody was embedded"

    def longest(value: object) -> int:
        if isinstance(value, dict):
            return max(map(longest, value.values()), default=0)
        if isinstance(value, list):
            return max(len(value), *map(longest, value)) if value else 0
        return 0

    assert max(longest(event) for event in read_events(events)) < 16, "an event holds a vector"


def test_s10_expired_consent_means_not_recognised(tmp_path: Path) -> None:
    path = tmp_path / "g"
    with Gallery.create_or_open(path) as gallery:
        old = gallery.enrol(
            name="anna", vectors=vectors(1), key=KEY, consent=new_consent("form 1", "2020-02-29")
        )
        ben = gallery.enrol(
            name="ben", vectors=vectors(2), key=KEY, consent=new_consent(None, "2999-12-31")
        )
        assert gallery.expired() == {old}
        assert gallery.expired("2020-02-29") == set(), "the last day still counts"
        assert gallery.templates(KEY).subject_ids == (ben,)
        gallery.export(tmp_path / "export")
    with Gallery.create_or_open(tmp_path / "other") as other:
        other.import_(tmp_path / "export")
        assert other.expired() == {old}
        other.enrol(name="anna", vectors=vectors(3), key=KEY, consent=Consent("form 2", None))
        assert other.expired() == set()
    for bad in ("2020-02-30", "29.2.2020", "", "20200229"):
        with pytest.raises(UsageError, match="date"):
            new_consent("x", bad)


def test_s11_s12_every_change_is_recorded_or_not_made(tmp_path: Path) -> None:
    path = tmp_path / "g"
    with Gallery.create_or_open(path) as gallery:
        anna = gallery.enrol(name="anna", vectors=vectors(1), key=KEY)
    log = tmp_path / "g.audit.jsonl"
    log.write_text('{"torn')
    steps = (("rename", "anna", "bea"), ("export", tmp_path / "x"), ("forget", "bea"))
    for step in steps:
        code, said = rt_gait("gallery", *step, "--gallery", path)
        assert code == 0, said
    assert rt_gait("gallery", "import", tmp_path / "x", "--gallery", path)[0] == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    actions = ["renamed", "exported", "forgotten", "imported"]
    assert [(line["action"], line["subject_id"]) for line in lines] == [(a, anna) for a in actions]
    log.unlink()
    log.mkdir()
    code, said = rt_gait("gallery", "forget", "bea", "--gallery", path)
    assert code == 6 and "audit" in said
    with Gallery.open(path) as gallery:
        assert gallery.names() == {anna: "bea"}
    log.rmdir()
    log.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError), audit(path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_s12_what_is_written_is_for_its_owner_only(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        path = tmp_path / "g"
        with Gallery.create_or_open(path) as gallery, audit(path) as record:
            gallery.enrol(name="a", vectors=vectors(0), key=KEY)
            record("enrolled")
            gallery.export(tmp_path / "x")
            EventLog(tmp_path / "e.jsonl").close()
            modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}
    finally:
        os.umask(mask)
    assert set(modes.values()) == {0o600}, modes
