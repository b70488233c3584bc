"""Models on a Triton server that are known to be those of the model repository here.

Templates are bound to a network, and the server is another program, perhaps with another
repository: before anything is believed, its configuration is compared with ours, and every answer
must come from the version, and have the shape, that it should.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError, ServerError, StopRequested
from rt_gait.serving.call import Arrays, Call
from rt_gait.serving.probe import Probe
from rt_gait.serving.region import Region, Sharing
from rt_gait.serving.repository import ModelInfo, TensorSpec
from rt_gait.serving.triton import TritonClient

ASK_SECS = 1.0
"""For questions that cost the server nothing."""
PATIENT_DEADLINE_SECS = 30.0
"""Of one request of a file run: four full batches of gait2d, in a queue, take 13 s on two
processors."""
PATIENCE_SECS = 30.0
"""How long a file run tries again after a failure before it gives up."""
_BACK_OFF_SECS = (0.1, 2.0)
_POLL_SECS = 0.1


def wait_until_ready(client: TritonClient, wait_secs: float) -> None:
    """Wait for the server and all its models.

    Raises:
        ModelError: it is not there in time, or does not let us in.
    """
    end_secs = time.monotonic() + wait_secs
    why = "its models are not loaded"
    while (left_secs := end_secs - time.monotonic()) > 0:
        try:
            if client.ready(timeout_secs=min(left_secs, ASK_SECS)):
                return
        except ServerError as error:
            why = str(error).removesuffix(f": {client.endpoint.url}")
        time.sleep(min(_POLL_SECS, max(left_secs, 0)))
    raise ModelError(
        f"no Triton server was ready within {wait_secs:g} s ({why}); start one (rt-gait serve) or "
        f"wait longer (--wait-triton SECS): {client.endpoint.url}"
    )


class ServedModels:
    """Some models of one server.

    Args:
        client: The connection.
        models: What they should be.
        stopped: Whether the run is to end: long waits then do.
        share: Whether tensors go through shared memory where the server is on this machine: for
            large ones, of somebody who takes one answer before the next request.

    Raises:
        ModelError: the server has other models than those, or none of that name.
        ServerError: it does not answer.
    """

    def __init__(
        self,
        client: TritonClient,
        models: Sequence[ModelInfo],
        *,
        stopped: Callable[[], bool] = lambda: False,
        share: bool = False,
    ) -> None:
        self._client = client
        self._stopped = stopped
        self._sharing = Sharing(client) if share and client.endpoint.is_local else None
        self.models = self._ask(models, 10 * ASK_SECS).agreed()
        """With the largest batch that both sides allow."""

    def send(self, info: ModelInfo, batch: npt.NDArray[Any], *, timeout_secs: float) -> Pending:
        """Send a batch [N, ...] for a model's only input."""
        return self.prepare(info, batch).send(timeout_secs)

    def prepare(self, info: ModelInfo, batch: npt.NDArray[Any]) -> Prepared:
        """Make a batch [N, ...] for a model's only input ready to be sent, once or many times."""
        sharing = self._sharing
        region = None if sharing is None else sharing.room(info, len(batch))
        return Prepared(self._client, info, batch, region)

    def insist(
        self, info: ModelInfo, batch: npt.NDArray[Any], first: Pending | None = None
    ) -> Arrays:
        """Send a batch until it is answered.

        Args:
            info: The model.
            batch: [N, ...] for its only input.
            first: The first try, where it has been sent.

        Raises:
            ServerError: there was no answer for :data:`PATIENCE_SECS` after the first failure.
            ModelError: the server refuses, or another network answered.
            StopRequested: the run is to end.
        """
        call = first or self.send(info, batch, timeout_secs=PATIENT_DEADLINE_SECS)
        give_up_secs, pause_secs = None, _BACK_OFF_SECS[0]
        while True:
            self._wait(call)
            try:
                return call.outputs()
            except ServerError as error:
                now_secs = time.monotonic()
                give_up_secs = give_up_secs or now_secs + PATIENCE_SECS
                if now_secs >= give_up_secs:
                    raise ServerError(
                        f"gave up after trying for {PATIENCE_SECS:g} s: {error}", slow=error.slow
                    ) from None
            self._pause(pause_secs)
            pause_secs = min(pause_secs * 2, _BACK_OFF_SECS[1])
            left_secs = max(give_up_secs - time.monotonic(), ASK_SECS)
            timeout_secs = min(PATIENT_DEADLINE_SECS, left_secs)
            call = self.send(info, batch, timeout_secs=timeout_secs)

    def probe(self, *, timeout_secs: float = ASK_SECS) -> Probe:
        """Ask whether the server is there, and has these models."""
        return self._ask(self.models, timeout_secs)

    def _ask(self, models: Sequence[ModelInfo], timeout_secs: float) -> Probe:
        calls = [
            self._client.config(info.name, timeout_secs=timeout_secs, wait=True) for info in models
        ]
        return Probe(models, calls, self._client.endpoint.url)

    def _wait(self, call: Pending) -> None:
        while not call.wait(_POLL_SECS):
            if self._stopped():
                call.cancel()
                raise StopRequested

    def _pause(self, secs: float) -> None:
        end_secs = time.monotonic() + secs
        while (left_secs := end_secs - time.monotonic()) > 0:
            if self._stopped():
                raise StopRequested
            time.sleep(min(left_secs, _POLL_SECS))


class Prepared:
    """A batch as it travels."""

    def __init__(
        self,
        client: TritonClient,
        info: ModelInfo,
        batch: npt.NDArray[Any],
        region: Region | None = None,
    ) -> None:
        self._client, self._info, self._count = client, info, len(batch)
        self._region = region
        if region is not None:
            self._request = client.request_in(region, info, batch)
            return
        outputs = [spec.name for spec in info.outputs]
        self._request = client.request(info.name, {info.inputs[0].name: batch}, outputs)

    def send(self, timeout_secs: float) -> Pending:
        """Send it."""
        infer = self._client.infer
        return self._pending(infer(self._info.name, self._request, timeout_secs=timeout_secs))

    def ask(self, timeout_secs: float) -> Arrays:
        """Send it and wait for the outputs, as :meth:`Pending.outputs`."""
        infer = self._client.infer_now
        call = infer(self._info.name, self._request, timeout_secs=timeout_secs)
        return self._pending(call).outputs()

    def _pending(self, call: Call) -> Pending:
        return Pending(call, self._info, self._count, self._client.endpoint.url, self._region)


class Pending:
    """A batch on its way."""

    def __init__(
        self, call: Call, info: ModelInfo, count: int, url: str, region: Region | None = None
    ) -> None:
        self._call, self._info, self._count, self._url = call, info, count, url
        self._region = region

    @property
    def done(self) -> bool:
        """Whether waiting is over."""
        return self._call.done

    def wait(self, secs: float) -> bool:
        """Wait that long at most; return whether waiting is over."""
        return self._call.wait(secs)

    def cancel(self) -> None:
        """Give it up."""
        self._call.cancel()

    def outputs(self) -> Arrays:
        """Wait for the outputs, each [N, ...], in the order of the configuration.

        Raises:
            ServerError: the server is away, overloaded or too slow.
            ModelError: it refuses, or another network answered.
        """
        info = self._info
        region = self._region
        arrays = self._call.arrays(None if region is None else region.outputs(info, self._count))
        version = self._call.version()
        if region is not None:
            region.in_use = False
        if version != str(info.version):
            raise ModelError(
                f"version {version} of model {info.name!r} answers, and {info.folder} has version "
                f"{info.version}; bring both to the same one: {self._url}"
            )
        for spec, array in zip(info.outputs, arrays, strict=True):
            if not _fits(spec, array, self._count):
                raise ModelError(
                    f"model {info.name!r}: {spec.name} of {self._count} inputs should be "
                    f"{[self._count, *spec.dims]}, not {list(array.shape)}: {self._url}"
                )
        return arrays


def _fits(spec: TensorSpec, array: npt.NDArray[Any], count: int) -> bool:
    wanted = (count, *spec.dims)
    return array.ndim == len(wanted) and bool(
        np.all([d in (-1, s) for d, s in zip(wanted, array.shape, strict=True)])
    )
