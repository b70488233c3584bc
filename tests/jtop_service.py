"""As much of jtop's service as its client needs: jetson-stats' own manager, with rails set by hand.

The real service needs root and a Jetson; its client, and all that passes between them, is real.
"""

from __future__ import annotations

import queue
import threading
from multiprocessing import Event, Queue
from pathlib import Path
from typing import Any

from jtop import service

POWER = {
    "rail": {"VDD_SOC": {"power": 3000, "avg": 1}, "VDD_CPU_GPU_CV": {"power": 5000, "avg": 1}},
    "tot": {"name": "VDD_IN", "power": 10000, "avg": 1},
}


class JtopService:
    """Answers clients on ``service.JTOP_PIPE``, and gives new values 20 times a second."""

    def __init__(self, version: str, interval_s: float = 0.05) -> None:
        self._version, self._interval_s = version, interval_s
        control, event, data = Queue(), Event(), dict[str, Any]()
        service.JtopManager.register("get_queue", callable=lambda: control)
        service.JtopManager.register("sync_data", callable=lambda: data)
        service.JtopManager.register("sync_event", callable=lambda: event)
        self._control, self._ended = control, threading.Event()
        self._manager = service.JtopManager()
        self._manager.start()
        self._threads = [threading.Thread(target=run) for run in (self._answer, self._tell)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End, as a service does that is stopped or dies."""
        if not self._ended.is_set():
            self._ended.set()
            for thread in self._threads:
                thread.join()
            self._manager.shutdown()

    def _answer(self) -> None:
        while not self._ended.is_set():
            try:
                said = self._control.get(timeout=0.05)
            except queue.Empty:
                continue
            if "interval" in said:
                init = {"version": self._version, "interval": self._interval_s, "memory": ""}
                init |= {"board": {"hardware": {}}, "fan": {}, "jc": False}
                self._control.put({"init": init})
                self._ended.wait(0.2)  # the client takes it from the same queue
            elif "init" in said:
                self._control.put(said)

    def _tell(self) -> None:
        data, event = self._manager.sync_data(), self._manager.sync_event()
        while not self._ended.wait(self._interval_s):
            uptime = float(Path("/proc/uptime").read_text().split()[0])
            data.update({"uptime": uptime, "gpu": {}, "mem": {}, "fan": {}, "power": POWER})
            event.set()
