"""What ``--metrics`` answers: ``/metrics``, ``/healthz``, ``/readyz``."""

from __future__ import annotations

from http import HTTPStatus

from rt_gait.listening.address import METRICS
from rt_gait.listening.server import Answer, Service, complaint, told
from rt_gait.monitoring.exposition import CONTENT_TYPE
from rt_gait.monitoring.metrics import metrics_text
from rt_gait.monitoring.monitor import Monitor, Verdict


def metrics_service(monitor: Monitor) -> Service:
    """Return what tells how a run is doing."""

    def pages(path: str) -> Answer:
        if path == "/metrics":
            text = metrics_text(monitor)
            return Answer(HTTPStatus.OK, CONTENT_TYPE, text.encode("utf-8", "replace"))
        if path == "/healthz":
            return _judged(monitor.alive())
        if path == "/readyz":
            return _judged(monitor.ready())
        return complaint(HTTPStatus.NOT_FOUND, "try /metrics, /healthz or /readyz")

    return Service(METRICS, pages)


def _judged(verdict: Verdict) -> Answer:
    status = HTTPStatus.OK if verdict.well else HTTPStatus.SERVICE_UNAVAILABLE
    return told(status, vars(verdict))
