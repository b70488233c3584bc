"""Shared memory with a Triton server that dies, freezes, or cannot see it."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from rt_gait.errors import ServerError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving import region
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.served import ServedModels
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient

Batch = npt.NDArray[np.uint8]


def batch(seed: int, count: int = 1) -> Batch:
    return np.random.default_rng(seed).integers(0, 256, (count, 30, 64, 44)).astype(np.uint8)


def regions(client: TritonClient) -> int:
    """How many the server has."""
    from tritonclient.grpc import service_pb2

    asked = service_pb2.SystemSharedMemoryStatusRequest()
    return len(client._stub.SystemSharedMemoryStatus(asked, timeout=5).regions)


def hidden() -> bool:
    return not list(region.FOLDER.glob(f"rt-gait-{os.getpid()}-*"))


class Both:
    """Asks by message and through shared memory, and compares."""

    def __init__(self, client: TritonClient, models: Path) -> None:
        self.info: ModelInfo = gait_model_info(models, "whole")
        self.client = client
        self.plain = ServedModels(client, [self.info])
        self.shared = ServedModels(client, [self.info], share=True)

    def agree(self, seed: int, count: int = 1) -> None:
        (wanted,) = self.plain.insist(self.info, batch(seed, count))
        (found,) = self.shared.insist(self.info, batch(seed, count))
        assert np.abs(wanted).max() > 0
        np.testing.assert_array_equal(found, wanted)


@pytest.fixture
def both(client: TritonClient, models: Path) -> Both:
    return Both(client, models)


def test_one_region_serves_all_batches_and_nothing_is_left_of_it(both: Both) -> None:
    for seed, count in enumerate((1, 1, 3, 2, 1)):
        both.agree(seed, count)
        assert hidden()
    assert regions(both.client) == 1
    client = both.client
    del both.shared
    gc.collect()
    assert regions(client) == 0


def test_a_server_that_was_started_anew_is_told_again(both: Both, server: TritonServer) -> None:
    both.agree(1)
    server.kill()
    server.start()
    both.agree(2)
    assert regions(both.client) == 1
    assert hidden()


def test_an_answer_that_comes_late_is_not_taken_for_the_next_one(
    both: Both, server: TritonServer
) -> None:
    both.agree(1)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for seed in (2, 3):
            late = both.shared.send(both.info, batch(seed), timeout_secs=0.2)
            with pytest.raises(ServerError):
                late.outputs()
    finally:
        os.kill(server.pid, signal.SIGCONT)
    for seed in (4, 5, 6):
        both.agree(seed)
    assert hidden()


def test_memory_that_the_server_cannot_see_is_not_used(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a server in another container."""
    monkeypatch.setattr(region, "FOLDER", tmp_path)
    both.agree(1)
    assert regions(both.client) == 0
    assert list(tmp_path.glob("rt-gait-*")) == []


def test_without_shared_memory_there_are_messages(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region, "FOLDER", tmp_path / "none")
    both.agree(1)
    assert regions(both.client) == 0


def test_a_full_disk_is_no_reason_to_stop(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    both.agree(1)
    assert hidden()


def test_the_server_is_asked_again_only_after_a_while(models: Path) -> None:
    info, now_secs, asked = gait_model_info(models, "whole"), [0.0], []

    class Blind:
        def share(self, region: region.Region) -> None:
            asked.append(region.name)
            raise ServerError("cannot open it")

        def unshare(self, region: region.Region) -> None:
            raise AssertionError("it was never told")

    sharing = region.Sharing(Blind(), lambda: now_secs[0])
    for now in (0.0, 1.0, region.TRY_AGAIN_SECS - 0.1, region.TRY_AGAIN_SECS):
        now_secs[0] = now
        assert sharing.room(info, 1) is None
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("address", "local"),
    [("localhost:1", True), ("127.0.0.1:1", True), ("[::1]:1", True), ("10.0.0.1:1", False)],
)
def test_only_a_server_of_this_machine_shares_memory(address: str, local: bool) -> None:
    assert Endpoint(address).is_local is local
