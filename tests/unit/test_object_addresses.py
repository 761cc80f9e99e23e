"""An object is asked for under its own key, whatever characters S3 allows in it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from assets.resources.object_store import ObjectStore
from tests.unit.arrivals import some_settings

BUCKET = "darkroom-raw"


class SaysWhatWasAsked(BaseHTTPRequestHandler):
    """Answers every GET with the path that it asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = unquote(urlsplit(self.path).path).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Fri, 17 May 2024 12:00:00 GMT")
        self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with ThreadingHTTPServer(("127.0.0.1", 0), SaysWhatWasAsked) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield ObjectStore(
            some_settings(
                aws_endpoint_url=f"http://127.0.0.1:{server.server_port}",
                aws_access_key_id="darkroom",
                aws_secret_access_key="secret",
            )
        )
        server.shutdown()


@pytest.mark.parametrize(
    "key",
    [
        "beach.jpg",
        "my holiday/bäch 1+1.jpg",
        "100%.jpg",
        "富士.jpg",
        "a?b#c&d=e.jpg",
        "holiday//beach.jpg",
        "/beach.jpg",
        "beach/",
        "./beach.jpg",
        "../beach.jpg",
        "holiday/../beach.jpg",
        "two\nlines.jpg",
    ],
)
def test_an_object_is_asked_for_under_its_own_key(store: ObjectStore, key: str) -> None:
    assert store.get(BUCKET, key).decode() == f"/{BUCKET}/{key}"
