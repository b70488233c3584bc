"""A tritonserver over a model repository, as a child process on the loopback interface."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.region import FOLDER as SHARED_MEMORY
from rt_gait.serving.server.wheel import lay_out

_GUARD = Path(__file__).with_name("guard.py")
HOST = "127.0.0.1"
READY_SECS = 120.0
"""A model loads in a third of a second to a second; a TensorRT plan in several."""
STOP_SECS = 15.0
"""Triton takes 2.5 to 3 s to stop, longer while it finishes requests."""
_POLL_SECS = 0.05


@dataclass(frozen=True)
class Ports:
    """Where the server listens."""

    grpc: int = 8001
    http: int = 8000
    metrics: int = 8002

    @classmethod
    def free(cls) -> Ports:
        """Return three that nobody listens on just now."""
        with socket.socket() as a, socket.socket() as b, socket.socket() as c:
            for one in (a, b, c):
                one.bind((HOST, 0))
            return cls(*(one.getsockname()[1] for one in (a, b, c)))


class TritonServer:
    """One run of a server. Use it as a context manager: it is ready inside, and stopped after.

    It does not outlive this process, even one that is killed: see :mod:`.guard`.

    Args:
        models_dir: The model repository.
        venv: The environment that holds the wheel; or None for ``binary``.
        binary: A tritonserver with backends of its own.
        ports: Where it listens, on the loopback interface alone.
        log: Where its messages go; the terminal by default.
        options: More of tritonserver's own.

    Raises:
        UsageError: a port is taken.
        ModelError: it cannot be started, or a model cannot be loaded.
    """

    def __init__(
        self,
        models_dir: Path,
        *,
        venv: Path | None = None,
        binary: Path | None = None,
        ports: Ports | None = None,
        log: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.ports = ports or Ports()
        self._models_dir = models_dir
        self._venv, self._binary = venv, binary
        self._log = log
        self._options = options
        self._work: Path | None = None
        self._lifeline: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``HOST:PORT`` for ``--triton``."""
        return f"{HOST}:{self.ports.grpc}"

    @property
    def pid(self) -> int:
        """The process that listens."""
        return self._running().pid

    def __enter__(self) -> TritonServer:
        self.start()
        return self

    def __exit__(self, *_caught: object) -> None:
        self.stop()

    def start(self) -> None:
        """Launch it and wait until every model is loaded."""
        for service, port in vars(self.ports).items():
            _check_free(service, port)
        work = self._work = Path(tempfile.mkdtemp(prefix="rt-gait-triton-"))
        try:
            self._launch(work)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def wait(self, timeout_secs: float) -> int | None:
        """Wait for its end; return the exit code, or None while it runs."""
        try:
            return self._running().wait(timeout_secs)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.stop()

    def stop(self) -> None:
        """Ask it to finish what it has and to end; make it, if it does not."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process is not None:
            _end_group(process.pid)
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if self._work is not None:
            # What is left here was left by a crash: the name is this server's alone.
            for region in SHARED_MEMORY.glob(f"{self._work.name}*"):
                region.unlink(missing_ok=True)
            shutil.rmtree(self._work, ignore_errors=True)
            self._work = None

    def _launch(self, work: Path) -> None:
        environment = dict(os.environ)
        if self._venv is not None:
            binary, extra = lay_out(self._venv, work, environment)
        elif self._binary is not None:
            binary, extra = self._binary, []
        else:
            raise ValueError("venv or binary")
        command = [str(binary), f"--model-repository={self._models_dir.absolute()}", *extra]
        for service, port in vars(self.ports).items():
            command += [f"--{service}-address={HOST}", f"--{service}-port={port}"]
        command += [
            "--disable-auto-complete-config",
            "--model-control-mode=none",
            "--exit-timeout-secs=5",
            "--log-info=false",
            *self._options,
        ]
        if not os.access(binary, os.X_OK):
            raise ModelError(f"cannot run tritonserver, it is not executable: {binary}")
        output = None if self._log is None else self._log.open("ab")
        held, self._lifeline = os.pipe()
        try:
            # A session of its own: Ctrl-C is for rt-gait, which then stops the server in order.
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_GUARD), str(held), str(work), *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output and subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[held],
            )
        finally:
            os.close(held)
            if output is not None:
                output.close()

    def _wait_until_ready(self) -> None:
        url = f"http://{HOST}:{self.ports.http}/v2/health/ready"
        for _ in _until(READY_SECS):
            code = self.wait(_POLL_SECS)
            if code is not None:
                raise ModelError(f"tritonserver ended with exit code {code}; {self._told()}")
            try:
                with urllib.request.urlopen(url, timeout=1):
                    return
            except (OSError, urllib.error.URLError):
                continue
        raise ModelError(f"tritonserver was not ready within {READY_SECS:.0f} s; {self._told()}")

    def _told(self) -> str:
        if self._log is None:
            return "its messages are above"
        lines = self._log.read_text(errors="replace").splitlines()
        # The last line only says that something failed; the one about the model says what.
        why = [line.partition('"')[2] for line in lines if "\"failed to load '" in line]
        return f"it said: {(why or lines[-1:] or ['nothing'])[0][:400]}: {self._log}"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ValueError("the server is not running")
        return self._process


def _check_free(service: str, port: int) -> None:
    """Refuse a port that is taken: another server there would be mistaken for this one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageError(
                f"port {port} of {HOST} cannot be used ({error.strerror}); choose another with "
                f"--{service}-port"
            ) from error


def _until(secs: float) -> Iterator[None]:
    end_secs = time.monotonic() + secs
    while time.monotonic() < end_secs:
        yield


def _end_group(leader: int) -> None:
    """End the processes of a server's models, should they have outlived it."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
