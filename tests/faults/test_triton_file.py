"""A file run, and the start of any run, when a real Triton server is not as it should be."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import stand_ins
import triton_server
from certificates import own_certificate

from rt_gait.assembly import Server
from rt_gait.config import Settings
from rt_gait.errors import ExitCode, ModelError, ServerError, StopRequested, UsageError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.triton import TritonGaitEmbedder, open_served
from rt_gait.serving import served
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.served import ServedModels
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient
from rt_gait.types import Window


def windows(count: int) -> list[Window]:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (count + 30, 64, 44)).astype(np.uint8)
    return [Window(1, 0.0, float(i), pixels[i : i + 30]) for i in range(count)]


def test_a_server_that_is_killed_and_relaunched_costs_a_file_nothing(
    models: Path, server: TritonServer, client: TritonClient
) -> None:
    embedder = triton_server.patient(client, models)
    killing = threading.Timer(0.2, server.kill)
    starting = threading.Timer(2, server.start)
    killing.start()
    starting.start()
    due = windows(50)
    found = []
    for window in due:
        found += embedder.embed([window])
        time.sleep(0.02)
    killing.join()
    starting.join()
    expected = OnnxGaitEmbedder(gait_model_info(models, "whole")).embed(due)
    assert [e.end_secs for e in found] == [e.end_secs for e in expected]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.vector, b.vector, atol=1e-4)


def test_a_server_that_is_gone_for_good_ends_a_file_with_exit_4(
    models: Path, server: TritonServer, client: TritonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "PATIENCE_SECS", 1.5)
    embedder = triton_server.patient(client, models)
    server.kill()
    begun_secs = time.monotonic()
    with pytest.raises(ServerError, match=r"gave up after trying for 1.5 s.*grpc://127") as caught:
        embedder.embed(windows(1))
    assert 1.4 < time.monotonic() - begun_secs < 6
    assert caught.value.exit_code is ExitCode.MODEL


def test_the_wish_to_stop_ends_the_wait_for_a_frozen_server(
    models: Path, server: TritonServer, client: TritonClient
) -> None:
    stop = threading.Event()
    info = gait_model_info(models, "whole")
    embedder = open_served(info, client, live=False, stopped=stop.is_set)
    assert isinstance(embedder, TritonGaitEmbedder)
    os.kill(server.pid, signal.SIGSTOP)
    threading.Timer(0.5, stop.set).start()
    begun_secs = time.monotonic()
    with pytest.raises(StopRequested):
        embedder.embed(windows(1))
    assert time.monotonic() - begun_secs < 3
    os.kill(server.pid, signal.SIGCONT)


def test_r9_a_server_that_comes_later_is_waited_for(models: Path) -> None:
    server = triton_server.new_server(models)
    starting = threading.Timer(2, server.start)
    starting.start()
    settings = Settings(triton=server.address, wait_triton=60, models_dir=models)
    info = gait_model_info(models, "whole")
    embedder = Server(settings).embedder(info)
    starting.join()
    server.kill()
    assert embedder.info is info


@pytest.mark.parametrize(
    ("pattern", "new", "words"),
    [
        (r"dims: \[ 24 \]", "dims: [ 25 ]", r"output should be .*\[25\].* and is .*\[24\]"),
        ("TYPE_UINT8", "TYPE_FP32", "input should be .*FP32.* and is .*UINT8"),
        ("max_batch_size: 64", "max_batch_size: 0", "max_batch_size should be 0, .*is 1 or more"),
        (
            '"cadence_hz" value { string_value: "25"',
            '"cadence_hz" value { string_value: "30"',
            "parameter cadence_hz should be 30, .* and is 25",
        ),
    ],
)
def test_r13_a_model_that_differs_is_refused(  # noqa: PLR0917
    triton_models: Path,
    triton_client: TritonClient,
    tmp_path: Path,
    pattern: str,
    new: str,
    words: str,
) -> None:
    shutil.copytree(triton_models / "whole", tmp_path / "whole")
    triton_server.edit_config(tmp_path, "whole", pattern, new)
    with pytest.raises(ModelError, match=words) as caught:
        triton_server.patient(triton_client, tmp_path)
    assert caught.value.exit_code is ExitCode.MODEL


@pytest.mark.parametrize("name", ["whole", "stream"])
def test_the_smaller_largest_batch_of_both_sides_holds(tmp_path: Path, name: str) -> None:
    """An engine is built for so many; its configuration says so on the server alone."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    stand_ins.write_whole(ours)
    stand_ins.write_stream(ours)
    shutil.copytree(ours, theirs)
    for model in ("whole", "stream", "stream_frame"):
        triton_server.edit_config(theirs, model, "max_batch_size: 64", "max_batch_size: 8")
        triton_server.edit_config(theirs, model, r"\[ 8, 16, 32 \]", "[ 4, 8 ]")
    due = windows(20)
    expected = OnnxGaitEmbedder(gait_model_info(ours, name)).embed(due)
    with triton_server.running(triton_server.new_server(theirs)) as server:
        client = triton_server.connect(server)
        info = gait_model_info(ours, name)
        for live in (False, True):
            embedder = open_served(info, client, live=live, stopped=lambda: False)
            assert embedder.info.max_batch_size == 8
            assert embedder.info.key == info.key
        found = triton_server.patient(client, ours, name).embed(due)
        triton_server.edit_config(ours, name, "max_batch_size: 64", "max_batch_size: 4")
        triton_server.edit_config(ours, name, r"\[ 8, 16, 32 \]", "[ 4 ]")
        found_in_fours = triton_server.patient(client, ours, name).embed(due)
        client.close()
    for a, b, c in zip(found, found_in_fours, expected, strict=True):
        np.testing.assert_allclose(a.vector, c.vector, atol=1e-4)
        np.testing.assert_allclose(b.vector, c.vector, atol=1e-4)


def test_a_server_that_comes_back_with_smaller_batches_is_told(
    models: Path, server: TritonServer, client: TritonClient
) -> None:
    served = ServedModels(client, [gait_model_info(models, "whole")])
    server.kill()
    triton_server.edit_config(models, "whole", "max_batch_size: 64", "max_batch_size: 32")
    server.start()
    with pytest.raises(ModelError, match="took batches of 64, and now takes 32; start again"):
        served.probe(timeout_secs=10).verify()


def test_a_model_that_the_server_lacks_is_refused(
    triton_client: TritonClient, tmp_path: Path
) -> None:
    triton_server.copy_models(tmp_path, ["2d_int8_0"])
    with pytest.raises(ModelError, match=r"'2d_int8_0' on the server: .*unknown model"):
        triton_server.patient(triton_client, tmp_path, "2d_int8_0")


def test_tls_to_a_real_server(models: Path, tmp_path: Path) -> None:
    key, certificate = own_certificate(tmp_path)
    options = [
        "--grpc-use-ssl=true", f"--grpc-server-cert={certificate}", f"--grpc-server-key={key}"
    ]  # fmt: skip
    info = gait_model_info(models, "whole")
    with triton_server.running(triton_server.new_server(models, options=options)) as server:
        base = Settings(triton=server.address, wait_triton=2, models_dir=models)
        (found,) = triton_server_embed(base.model_copy(update={"triton_ca": certificate}), info)
        assert found.vector.shape == (24,)
        for update in ({}, {"triton_tls": True}):
            with pytest.raises(ModelError, match="no Triton server was ready within 2 s"):
                Server(base.model_copy(update=update))
        with pytest.raises(UsageError, match="cannot read the certificates"):
            Server(base.model_copy(update={"triton_ca": tmp_path / "none.pem"}))


def triton_server_embed(settings: Settings, info: object) -> list[object]:
    embedder = Server(settings).embedder(info)  # type: ignore[arg-type]
    assert isinstance(embedder, TritonGaitEmbedder)
    return list(embedder.embed(windows(1)))


def test_a_client_needs_no_server_to_be_made() -> None:
    TritonClient(Endpoint("127.0.0.1:1")).close()
