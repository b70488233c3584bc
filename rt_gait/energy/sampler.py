"""A thread that reads a meter, and what a piece of work costs by it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rt_gait.energy.account import Account
from rt_gait.energy.meter import EnergyMeter, Reading
from rt_gait.energy.result import Energy

IDLE_S = 2.0
"""Time that idle power is measured for."""
_GAP_PERIODS = 10
_PATIENCE_S = 0.5
"""What a caller waits for one reading, and the end for the thread; a meter that hangs longer is
left behind."""


class Sampler:
    """Reads a meter once a period, from a thread of its own, while used as a context manager.

    A meter that fails, or fails for good, never raises here: the energy covers what was measured,
    and its note says what went wrong. The meter stays open.

    Args:
        meter: what to read.
        on_reading: called with every new reading, in the thread; must not raise.
    """

    def __init__(
        self, meter: EnergyMeter, on_reading: Callable[[Reading], None] | None = None
    ) -> None:
        self._meter, self._on_reading = meter, on_reading
        self._idle_w: float | None = None
        self._changed = threading.Condition()
        self._reading, self._ended = False, False
        self._cycles = self._wanted = 0
        """Readings tried so far, and how many are to be tried without waiting for the period."""
        self._account = self._new_account()
        self._thread = threading.Thread(target=self._loop, name="energy", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(_PATIENCE_S)

    def restart(self) -> None:
        """Begin a new interval now."""
        with self._changed:
            self._account = self._new_account()
        self._read_now()

    def measure_idle(self, seconds: float) -> None:
        """Wait, and take the mean power meanwhile as idle power from now on."""
        self.restart()
        time.sleep(seconds)
        self._idle_w = self.energy().mean_w

    def energy(self) -> Energy:
        """Return the energy from the last :meth:`restart` until now."""
        self._read_now()
        with self._changed:
            return self._account.energy(time.monotonic(), self._idle_w)

    def _new_account(self) -> Account:
        meter = self._meter
        return Account(
            meter.name,
            meter.rails,
            start_s=time.monotonic(),
            gap_s=_GAP_PERIODS * meter.period_s,
        )

    def _read_now(self) -> None:
        """Have the meter read at this moment, so that intervals end where they should."""
        with self._changed:
            # A reading under way may have begun before this moment.
            wanted = self._cycles + 1 + self._reading
            self._wanted = max(self._wanted, wanted)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._cycles >= wanted or self._ended, _PATIENCE_S)

    def _loop(self) -> None:
        due_s = time.monotonic()
        while True:
            with self._changed:
                if self._ended:
                    return
                self._reading = True
            self._sample()
            with self._changed:
                self._reading = False
                self._cycles += 1
                self._changed.notify_all()
                now_s = time.monotonic()
                due_s = max(due_s + self._meter.period_s, now_s)
                self._changed.wait_for(
                    lambda: self._ended or self._cycles < self._wanted, due_s - now_s
                )

    def _sample(self) -> None:
        try:
            reading = self._meter.read()
        except Exception as error:  # whatever a driver does must not end the run
            with self._changed:
                self._account.failed(str(error) or type(error).__name__)
            return
        with self._changed:
            new = self._account.add(reading)
        if new and self._on_reading is not None:
            self._on_reading(reading)


class Work:
    """Something whose energy is being measured."""

    energy: Energy
    """Set when it is done."""


@contextmanager
def measured(meter: EnergyMeter, *, idle_s: float = IDLE_S) -> Iterator[Work]:
    """Measure the energy of the ``with`` block; ``work.energy`` is there after it.

        with measured(meter) as work:
            for _ in range(runs):
                model.run(batch)
        work.energy.mj_per(runs * len(batch), above_idle=True)

    The block should last many of the meter's periods: seconds, not milliseconds.

    Args:
        meter: what to measure with; stays open. By :class:`NoMeter` nothing is measured.
        idle_s: seconds to measure idle power before; 0 leaves it out.
    """
    work = Work()
    with Sampler(meter) as sampler:
        if idle_s and meter.rails:
            sampler.measure_idle(idle_s)
        sampler.restart()
        yield work
        work.energy = sampler.energy()
