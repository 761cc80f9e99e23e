"""The Prometheus metrics of one process; no label holds an id, a name or an address."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from services.upload_api.acceptance import Accepted, Outcome

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "darkroom_upload_requests", "Requests answered.", "route", "method", "status"
        )
        self.seconds = Histogram(
            "darkroom_upload_request_seconds",
            "Time from the headers of a request to the end of its response.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "darkroom_upload_requests_in_flight", "Requests in flight.", registry=self.registry
        )
        self.outcomes = self._counter(
            "darkroom_uploads",
            "Images accepted: registered, repeated, or stored while the ledger did not answer.",
            "outcome",
        )
        self.bytes = self._counter("darkroom_uploads_bytes", "Bytes of images accepted.")
        self.problems = self._counter(
            "darkroom_upload_problems", "Requests answered with a problem, by its kind.", "kind"
        )

    def count(self, accepted: Accepted) -> None:
        """Counts an accepted image."""
        self.outcomes.labels(accepted.outcome.value).inc()
        if accepted.outcome is not Outcome.REPEATED:
            self.bytes.inc(accepted.upload.size_bytes)

    def serve(self, port: int) -> None:
        """Serves the metrics on a port of 127.0.0.1, from a thread, until the process ends.

        Raises `OSError` when the port is taken.
        """
        start_http_server(port, "127.0.0.1", self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
