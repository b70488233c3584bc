"""Tracks that walk, and what it takes to embed their windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from rt_gait.bench.local_server import READY_SECS, processor_secs
from rt_gait.bench.stream_state.models import STRIDE
from rt_gait.bench.stream_state.ways import Round, Way, Wire
from rt_gait.errors import ModelError
from rt_gait.serving.served import wait_until_ready
from rt_gait.serving.server.process import TritonServer
from rt_gait.types import FloatArray

HZ = 25.0
MODES = ("25 Hz", "loop")
_FULL_FRAMES = 30
_WARM_UP_FRAMES = 60
"""Every track has had a window or two by then."""
_POLL_SECS = 0.002
_RESTART_TRACKS = 4
_COUNTED = ("requests", "bytes_up", "bytes_down")


class Flight:
    """The windows of a tick on their way."""

    def __init__(self, wire: Wire, way: Way, tracks: Sequence[int], frames: int) -> None:
        self._wire, self._job = wire, way.job(tracks, frames)
        self.vectors: FloatArray | None = None
        """What came back in the end."""
        self._go_on(lambda: next(self._job))

    def poll(self, wait_secs: float) -> bool:
        """Send what depends on answers that are there; return whether it has landed."""
        if self.vectors is None and all(call.wait(wait_secs) for call in self._calls):
            answers = [self._wire.read(call) for call in self._calls]
            self._go_on(lambda: self._job.send(answers))
        return self.vectors is not None

    def land(self) -> FloatArray:
        """Wait for the end."""
        while not self.poll(1.0):
            pass
        assert self.vectors is not None
        return self.vectors

    def _go_on(self, step: Callable[[], Round]) -> None:
        try:
            self._calls = [self._wire.send(*request) for request in step()]
        except StopIteration as end:
            self.vectors = end.value


class Phase:
    """Tracks that walk for a while, and what it takes to embed them in one way."""

    def __init__(self, server: TritonServer, wire: Wire, way: Way, tracks: int) -> None:
        self._server, self._wire, self._way, self._tracks = server, wire, way, tracks
        self._flights: list[tuple[float, Flight]] = []
        self._waited_ms: list[float] = []
        way.begin()

    def run(self, mode: str, secs: float) -> dict[str, float]:
        """Walk until all windows are full, and on for so long; return the figures."""
        walk = self._paced if mode == MODES[0] else self._loop
        frames = walk(0, lambda frames: frames < _WARM_UP_FRAMES)
        self._waited_ms.clear()
        before, begun_secs = self._counts(), time.monotonic()
        walk(frames, lambda _: time.monotonic() - begun_secs < secs)
        lasted_secs = time.monotonic() - begun_secs
        used = {k: v - before[k] for k, v in self._counts().items()}
        windows = len(self._waited_ms)
        return {
            "windows_per_sec": windows / lasted_secs,
            "p50_ms": float(np.percentile(self._waited_ms, 50)),
            "p99_ms": float(np.percentile(self._waited_ms, 99)),
            **{f"{name}_per_window": used[name] / windows for name in used},
        }

    def _paced(self, frames: int, more: Callable[[int], bool]) -> int:
        begun_secs, first = time.monotonic(), frames
        while more(frames):
            due_secs = begun_secs + (frames - first) / HZ
            while (left_secs := due_secs - time.monotonic()) > 0:
                self._poll(min(left_secs, _POLL_SECS))
            frames += 1
            self._tick(due_secs, frames)
        while self._flights:
            self._poll(_POLL_SECS)
        return frames

    def _tick(self, due_secs: float, frames: int) -> None:
        count = self._way.frames_a_tick
        for phase in range(STRIDE):
            had = frames - phase
            tracks = range(phase, self._tracks, STRIDE)
            if had > 0 and had % count == 0 and tracks:
                self._flights.append((due_secs, Flight(self._wire, self._way, tracks, had)))

    def _loop(self, frames: int, more: Callable[[int], bool]) -> int:
        while more(frames):
            begun_secs = time.monotonic()
            frames += self._way.frames_a_tick
            self._note(
                begun_secs, Flight(self._wire, self._way, range(self._tracks), frames).land()
            )
        return frames

    def _poll(self, wait_secs: float) -> None:
        if not self._flights:
            time.sleep(wait_secs)
            return
        self._flights[0][1].poll(wait_secs)
        for due_secs, flight in list(self._flights):
            if flight.poll(0.0):
                assert flight.vectors is not None
                self._note(due_secs, flight.vectors)
                self._flights.remove((due_secs, flight))

    def _note(self, due_secs: float, vectors: FloatArray) -> None:
        self._waited_ms += [(time.monotonic() - due_secs) * 1000] * len(vectors)

    def _counts(self) -> dict[str, float]:
        told = [self._wire.client.statistics(m, timeout_secs=5) for m in self._way.models]
        return {
            "executions": sum(each["executions"] for each in told),
            "client_ms": time.process_time() * 1000,
            "server_ms": processor_secs(self._server) * 1000,
            **{name: getattr(self._wire, name) for name in _COUNTED},
        }


def restart(server: TritonServer, wire: Wire, way: Way) -> dict[str, int]:
    """Kill the server between two windows; count what is refused and lost after its return."""
    tracks = range(_RESTART_TRACKS)
    way.begin()
    frames, refused, lost = 0, 0, 0
    while frames < _FULL_FRAMES:
        frames += way.frames_a_tick
        Flight(wire, way, tracks, frames).land()
    server.kill()
    server.start()
    wait_until_ready(wire.client, READY_SECS)
    vectors: FloatArray = np.zeros((0, 0), np.float32)
    while not len(vectors):
        frames += way.frames_a_tick
        try:
            vectors = Flight(wire, way, tracks, frames).land()
        except ModelError:
            refused += len(tracks)
            way.begin()
            vectors = Flight(wire, way, tracks, frames).land()
        if frames % STRIDE == 0:
            lost += len(tracks) - len(vectors)
    return {"tracks": len(tracks), "requests_refused": refused, "windows_lost": lost}
