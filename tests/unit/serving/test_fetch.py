"""``rt-gait models fetch``: from a real HTTP server, from files, and what attackers put in them."""

from __future__ import annotations

import hashlib
import http.server
import io
import random
import shutil
import ssl
import stat
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certificates import own_certificate
from click.testing import Result
from typer.testing import CliRunner

from rt_gait.cli.app import app
from rt_gait.errors import ModelError, OutputError, RtGaitError, UsageError
from rt_gait.serving import swap
from rt_gait.serving.fetch import archive, download
from rt_gait.serving.fetch.archive import read_model
from rt_gait.serving.fetch.download import check_url
from rt_gait.serving.repository import default_models_dir, load_info

GEI = default_models_dir() / "gei"
CONFIG = (GEI / "config.pbtxt").read_text()
FILES = {
    "config.pbtxt": CONFIG.encode(),
    "1/model.onnx": (GEI / "1" / "model.onnx").read_bytes(),
    "README.md": b"# A card\n",
}


def with_config(old: str, new: str) -> dict[str, bytes]:
    assert old in CONFIG
    return FILES | {"config.pbtxt": CONFIG.replace(old, new).encode()}


def tar_gz(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in more:
            tar.addfile(member)
    return packed.getvalue()


def zipped(files: dict[str, bytes], *more: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
        for member, data in more:
            made.writestr(member, data)
    return packed.getvalue()


@dataclass
class Place:
    """A models folder in a folder of its own, so that nothing left beside it goes unseen."""

    folder: Path
    models: Path = field(init=False)

    def __post_init__(self) -> None:
        self.models = self.folder / "place" / "models"
        self.models.mkdir(parents=True)

    def fetch(self, source: str | Path, *options: str) -> Result:
        said = CliRunner().invoke(
            app, ["models", "fetch", str(source), "--models", str(self.models), *options]
        )
        assert [*self.models.parent.iterdir()] == [self.models], "something was left beside it"
        return said

    def fetch_bytes(self, data: bytes, *options: str) -> Result:
        path = self.folder / "archive"
        path.write_bytes(data)
        return self.fetch(path, *options)

    @property
    def names(self) -> list[str]:
        return sorted(p.name for p in self.models.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refused(place: Place, said: Result, kind: type[RtGaitError]) -> str:
    """Nothing came of it; what it said."""
    assert isinstance(said.exception, kind), said.exception
    assert place.names == []
    return str(said.exception)


@pytest.mark.parametrize("pack", [tar_gz, zipped])
@pytest.mark.parametrize("top", ["", "./", "model-1.0/"])
def test_an_archive_becomes_a_model_that_passes_check(
    place: Place, pack: Callable[[dict[str, bytes]], bytes], top: str
) -> None:
    data = pack({f"{top}{name}": content for name, content in FILES.items()} | {"NEWS": b"x"})
    said = place.fetch_bytes(data)
    assert said.exception is None
    info = load_info(place.models, "gei")
    assert said.stdout.splitlines() == [
        f"{place.models / 'gei'}: {info.key}",
        f"SHA-256 of the archive: {hashlib.sha256(data).hexdigest()}",
    ]
    ours = load_info(default_models_dir(), "gei")
    assert (info.key, info.inputs, info.outputs) == (ours.key, ours.inputs, ours.outputs)
    assert info.parameters == ours.parameters
    assert (info.folder / "README.md").read_bytes() == FILES["README.md"]
    assert sorted(p.name for p in info.folder.rglob("*")) == sorted(
        ["1", "model.onnx", "config.pbtxt", "README.md"]
    )
    assert stat.S_IMODE(info.folder.stat().st_mode) & 0o055, "a server of another user reads it"


def test_a_folder_becomes_a_model_under_another_name(place: Place) -> None:
    said = place.fetch(GEI, "--name", "mine")
    assert said.stdout.startswith(f"{place.models / 'mine'}: mine@")
    text = (place.models / "mine" / "config.pbtxt").read_text()
    assert text.startswith("# Gait energy image")
    assert "# Fetched from gei; its terms apply.\n" in text


def test_a_model_is_replaced_only_when_asked(place: Place) -> None:
    assert place.fetch(GEI).exception is None
    said = place.fetch_bytes(tar_gz(with_config("0.984", "0.99")))
    assert isinstance(said.exception, OutputError)
    assert load_info(place.models, "gei").parameters["known_score"] == "0.984"
    assert place.fetch_bytes(tar_gz(with_config("0.984", "0.99")), "--overwrite").exit_code == 0
    assert load_info(place.models, "gei").parameters["known_score"] == "0.99"
    assert place.names == ["gei"]
    (place.models / "data").mkdir()
    said = place.fetch(GEI, "--name", "data", "--overwrite")
    assert "not a model and will not be replaced" in str(said.exception)


def test_a_bad_model_does_not_replace_a_good_one(place: Place) -> None:
    assert place.fetch(GEI).exception is None
    said = place.fetch_bytes(tar_gz(FILES | {"1/model.onnx": b"no network"}), "--overwrite")
    assert isinstance(said.exception, ModelError)
    assert load_info(place.models, "gei").key == load_info(default_models_dir(), "gei").key


def test_nothing_but_what_rt_gait_reads_reaches_a_server(place: Place) -> None:
    sly = (
        'model_operations { op_library_filename: "/tmp/evil.so" }\n'
        'default_model_filename: "../../evil"\n'
        'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "/tmp/e" } }\n'
    )
    place.fetch_bytes(tar_gz(FILES | {"config.pbtxt": (CONFIG + sly).encode()}))
    text = (place.models / "gei" / "config.pbtxt").read_text()
    assert "evil" not in text


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "expected one config.pbtxt, at the top or in a folder; found 0"),
        ({"config.pbtxt": b""}, "there is no 1/model.onnx beside config.pbtxt"),
        (FILES | {"b/config.pbtxt": b""}, "expected one config.pbtxt.*found 2"),
        (FILES | {"1/model.plan": b"x"}, "holds model.plan; a TensorRT plan runs only where"),
        (FILES | {"1/model.py": b"x"}, "holds model.py; it is code"),
        (FILES | {"2/model.onnx": b"x"}, "expected 1/model.onnx alone.*'2/model.onnx'"),
        (FILES | {"1/model.onnx.data": b"x"}, "expected 1/model.onnx alone"),
        (FILES | {"../gait3d/config.pbtxt": b"x"}, r"leads elsewhere: '\.\./gait3d/config.pbtxt'"),
        (FILES | {"/etc/cron.d/x": b"x"}, "leads elsewhere"),
        (FILES | {"..\\x": b"x"}, "leads elsewhere"),
        (FILES | {"1/model.onnx": b"x" * 100}, "not a model ONNX Runtime can load"),
        (FILES | {"config.pbtxt": b"\xff\xfe"}, "not a Triton file"),
        (FILES | {"config.pbtxt": b"what is this"}, "not a Triton file"),
        (FILES | {"config.pbtxt": b"# " + b"x" * 2**20}, "more than 1048576 bytes"),
        (with_config("onnxruntime_onnx", "tensorrt_plan"), "expected platform onnxruntime_onnx"),
        (with_config('platform: "onnxruntime_onnx"', 'backend: "python"'), "backend 'python'"),
        (with_config("max_batch_size: 32", "max_batch_size: 0"), "1 or more, not 0"),
        (with_config("max_batch_size: 32", "max_batch_size: 16"), "config.pbtxt cannot be"),
        (with_config("[ 2816 ]", "[ 2817 ]"), "declares output embedding"),
        (with_config('"30"', '"31"'), "31"),
        (with_config('"silhouette"', '"anything"') | {"1/model.onnx": b""}, "ONNX Runtime"),
        (with_config('key: "training_data"', 'key: "frame_model"'), "last part of two"),
    ],
)
def test_what_is_no_model_is_refused(place: Place, files: dict[str, bytes], why: str) -> None:
    for pack in (tar_gz, zipped):
        with pytest.raises(ModelError, match=why):
            raise place.fetch_bytes(pack(files)).exception or AssertionError("was taken")
        assert place.names == []


@pytest.mark.parametrize("name", ["../up", "/etc/x", "a/b", ".hidden", "", "x" * 129, "a\nb"])
def test_a_name_is_never_a_path(place: Place, name: str) -> None:
    text = with_config('"gei"', '"' + name.replace("\n", "\\n") + '"')
    assert "name is up to 128 letters" in refused(
        place, place.fetch_bytes(tar_gz(text)), UsageError
    )
    if name:
        refused(place, place.fetch(GEI, "--name", name), UsageError)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
@pytest.mark.parametrize("name", ["1/model.onnx", "elsewhere"])
def test_links_and_devices_in_a_tar_are_refused(place: Place, kind: bytes, name: str) -> None:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = kind, "/etc/passwd"
    files = {k: v for k, v in FILES.items() if k != name}
    assert "a link or a device" in refused(
        place, place.fetch_bytes(tar_gz(files, link)), ModelError
    )


def test_links_in_a_zip_and_in_a_folder_are_refused(place: Place, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("1/model.onnx")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    files = {k: v for k, v in FILES.items() if k != "1/model.onnx"}
    data = zipped(files, (link, b"/etc/passwd"))
    assert "a link or a device" in refused(place, place.fetch_bytes(data), ModelError)
    folder = tmp_path / "linked"
    shutil.copytree(GEI, folder)
    (folder / "README.md").symlink_to("/etc/passwd")
    assert "a link or a device" in refused(place, place.fetch(folder), ModelError)


def test_the_same_file_twice_is_refused(place: Place) -> None:
    twice = (zipfile.ZipInfo("./config.pbtxt"), CONFIG.encode())
    assert "twice" in refused(place, place.fetch_bytes(zipped(FILES, twice)), ModelError)


@pytest.mark.parametrize("name", ["1/model.onnx", "README.md", "junk"])
@pytest.mark.parametrize("pack", [tar_gz, zipped])
def test_a_bomb_is_not_unpacked(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    pack: Callable[[dict[str, bytes]], bytes],
    name: str,
) -> None:
    monkeypatch.setattr(archive, "BYTES_MAX", 1_000_000)
    said = place.fetch_bytes(pack(FILES | {name: bytes(2_000_000)}))
    if pack is zipped and name == "junk":  # what is not taken of a zip is never unpacked
        assert said.exception is None
    else:
        assert "unpacked it has more than 1 MB" in refused(place, said, ModelError)


def test_a_sparse_file_is_as_large_as_it_says(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gnu_tar = shutil.which("tar")
    if gnu_tar is None:
        pytest.skip("tar is not installed")
    monkeypatch.setattr(archive, "BYTES_MAX", 1_000_000)
    folder = tmp_path / "sparse"
    shutil.copytree(GEI, folder)
    with (folder / "1" / "model.onnx").open("wb") as file:
        file.truncate(10**10)
    path = tmp_path / "sparse.tar.gz"
    subprocess.run([gnu_tar, "--sparse", "-czf", path, "-C", folder, "."], check=True)
    assert path.stat().st_size < 100_000
    assert "more than 1 MB" in refused(place, place.fetch(path), ModelError)


def test_an_input_larger_than_memory_is_refused(place: Place) -> None:
    onnx = pytest.importorskip("onnx")
    wide = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", "m"])
    same = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", "m"])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "same", [wide], [same])
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    config = (
        'name: "m" platform: "onnxruntime_onnx" max_batch_size: 2\n'
        'input [ { name: "x" data_type: TYPE_FP32 dims: [ 1000000000000 ] } ]\n'
        'output [ { name: "y" data_type: TYPE_FP32 dims: [ 1000000000000 ] } ]\n'
        'parameters { key: "modality" value { string_value: "other" } }\n'
    )
    files = {"config.pbtxt": config.encode(), "1/model.onnx": model.SerializeToString()}
    said = place.fetch_bytes(tar_gz(files))
    assert "larger than any window or picture" in refused(place, said, ModelError)


@pytest.mark.parametrize("pack", [tar_gz, zipped])
def test_a_damaged_archive_ends_in_one_of_our_errors(
    tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    whole, chance, path = pack(FILES), random.Random(0), tmp_path / "archive"
    for trial in range(300):
        data = bytearray(whole)
        if trial % 3 == 0:
            del data[chance.randrange(len(data)) :]
        else:
            for _ in range(chance.randrange(1, 30)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            read_model(path)
        except RtGaitError as error:
            assert str(error)


def test_sources_that_are_none(place: Place, tmp_path: Path) -> None:
    assert "no such file" in refused(place, place.fetch(tmp_path / "gone"), UsageError)
    assert "no such file" in refused(place, place.fetch("/dev/zero"), UsageError)
    assert "expected a model's folder, .tar.gz or .zip" in refused(
        place, place.fetch_bytes(b"\x7fELF"), UsageError
    )
    refused(place, place.fetch_bytes(tar_gz(FILES), "--sha256", "abc"), UsageError)
    assert "this is a folder" in refused(place, place.fetch(GEI, "--sha256", "0" * 64), UsageError)


def test_a_wrong_hash_is_refused_before_anything_is_read(place: Place) -> None:
    said = place.fetch_bytes(b"\x1f\x8b not read at all", "--sha256", "0" * 64)
    assert f"SHA-256 {'0' * 64}, this has " in refused(place, said, ModelError)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://host/x",
        "http://models.example/x.zip",
        "http://127.0.0.1.models.example/x.zip",
        "https://user:hunter2@host/x.zip",
        "https://host/hunter2 x",
        "https://host:hunter2/x",
        "https:///x",
        "://",
        "https://höst/x",
    ],
)
def test_addresses_that_are_not_asked(place: Place, url: str) -> None:
    assert "hunter2" not in refused(place, place.fetch(url), UsageError)


def test_http_will_do_for_a_file_whose_hash_is_known() -> None:
    assert check_url("http://models.example/x.zip?token=1", pinned=True).hostname


class Site:
    """A web server on the loopback interface: what it answers, by path."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        pages = self.pages = dict[str, tuple[int, dict[str, str], bytes]]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = pages.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def secure_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """One whose certificate is trusted."""
    key, certificate = own_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    made = Site(context)
    yield made
    made.close()


def test_from_a_server_with_the_hash_that_was_given(place: Place, site: Site) -> None:
    data = tar_gz(FILES)
    site.pages["/m?v=1"] = (200, {}, data)
    digest = hashlib.sha256(data).hexdigest()
    said = place.fetch(f"{site.url}/m?v=1", "--sha256", digest.upper())
    assert said.exception is None
    assert digest in said.stdout
    text = (place.models / "gei" / "config.pbtxt").read_text()
    assert f"# Fetched from {site.url.removeprefix('http://')}; its terms apply." in text


def test_without_an_exchange_the_old_model_comes_back_when_the_new_one_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_exchanged", lambda _one, _other: False)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "precious").touch()
    with pytest.raises(FileNotFoundError):
        swap.put_in_place(tmp_path / "none", tmp_path / "old")
    assert [p.name for p in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old" / "precious").exists()


def test_a_server_that_gives_another_file(place: Place, site: Site) -> None:
    site.pages["/m"] = (200, {}, tar_gz(FILES))
    said = place.fetch(f"{site.url}/m", "--sha256", "0" * 64)
    assert "expected an archive of SHA-256 000" in refused(place, said, ModelError)


def test_a_server_that_gives_no_file_or_not_all(place: Place, site: Site) -> None:
    data = tar_gz(FILES)
    site.pages["/short"] = (200, {"Content-Length": str(len(data) + 1)}, data)
    site.pages["/chunks"] = (
        200, {"Transfer-Encoding": "chunked", "Content-Length": ""}, b"5\r\nabcde\r\n9\r\nabc"
    )  # fmt: skip
    site.pages["/page"] = (200, {}, b"<!doctype html>")
    for path, why in (
        ("/none?token=hunter2", "status 404"),
        ("/short", f"broke off after {len(data)} bytes"),
        ("/chunks", "broke off"),
    ):
        text = refused(place, place.fetch(site.url + path), ModelError)
        assert why in text
        assert "hunter2" not in text
    refused(place, place.fetch(f"{site.url}/page"), UsageError)


def test_a_server_that_is_not_there(place: Place, site: Site) -> None:
    site.close()
    said = place.fetch(f"{site.url}/m")
    assert "no answer (Connection refused)" in refused(place, said, ModelError)
    site.__init__()  # type: ignore[misc]  # for the fixture to close


def test_a_download_without_end(place: Place, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BYTES_MAX", 1_000_000)
    site.pages["/m"] = (200, {}, bytes(2_000_000))
    said = place.fetch(f"{site.url}/m")
    assert "expected 1 MB at most, more came" in refused(place, said, ModelError)


def test_redirects_lead_to_https_alone(place: Place, site: Site, secure_site: Site) -> None:
    secure_site.pages["/m"] = (200, {}, tar_gz(FILES))
    site.pages["/m"] = (200, {}, tar_gz(FILES))
    secure_site.pages["/down"] = (302, {"Location": f"{site.url}/m"}, b"")
    site.pages["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    site.pages["/up"] = (302, {"Location": f"{secure_site.url}/m"}, b"")
    secure_site.pages["/round"] = (302, {"Location": f"{secure_site.url}/round"}, b"")
    for url in (f"{secure_site.url}/down", f"{site.url}/file", f"{secure_site.url}/round"):
        refused(place, place.fetch(url), ModelError)
    assert place.fetch(f"{site.url}/up").exception is None
    assert place.names == ["gei"]


def test_a_certificate_that_nobody_trusts(
    place: Place, secure_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    secure_site.pages["/m"] = (200, {}, tar_gz(FILES))
    said = place.fetch(f"{secure_site.url}/m")
    assert "CERTIFICATE_VERIFY_FAILED" in refused(place, said, ModelError)
