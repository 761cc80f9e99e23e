"""What this process counts, for Prometheus: no id, name or address of anybody is a label."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.upload_api.acceptance import Accepted, Outcome
from services.upload_api.problems import NOTED

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "darkroom_upload_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "darkroom_upload_request_seconds",
            "Time from a request's headers to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "darkroom_upload_requests_in_flight", "Requests under way.", registry=self.registry
        )
        self.outcomes = Counter(
            "darkroom_uploads",
            "Images taken in: registered, repeated, or stored while the ledger did not answer.",
            ["outcome"],
            registry=self.registry,
        )
        self.bytes = Counter(
            "darkroom_uploads_bytes", "Bytes of images taken in.", registry=self.registry
        )
        self.problems = Counter(
            "darkroom_upload_problems",
            "Requests refused, by the kind of problem.",
            ["kind"],
            registry=self.registry,
        )

    def note(self, accepted: Accepted) -> None:
        """Counts an image that was taken in."""
        self.outcomes.labels(accepted.outcome.value).inc()
        if accepted.outcome is not Outcome.REPEATED:
            self.bytes.inc(accepted.upload.size_bytes)

    def text(self) -> bytes:
        """Returns everything in Prometheus' text format."""
        return generate_latest(self.registry)


class MetricsMiddleware:
    """Counts and times the requests of an app."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on and counts it, however it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, noted)
            finally:
                route = _route(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(route, method, str(status)).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - started)
                if NOTED in scope:
                    self._metrics.problems.labels(scope[NOTED]).inc()


def _route(scope: Scope) -> str:
    """Returns the pattern of the address, which names nothing that a caller made up."""
    return getattr(scope.get("route"), "path", "other")
