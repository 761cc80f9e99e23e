"""A running upload API, as somebody who has a key sees it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

SECONDS = 30


@dataclass(frozen=True)
class Api:
    """The API at an address; `key` is sent with every request."""

    address: str
    key: str = field(repr=False)

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self.address.rpartition(":")[2])

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> requests.Response:
        """Sends a request with options of `requests`, and returns its answer."""
        own = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        url = f"{self.address}{path}"
        return requests.request(method, url, headers=own, timeout=SECONDS, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """Sends a GET request."""
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """Sends a POST request."""
        return self.ask("POST", path, **options)

    def send(self, body: object, **headers: str) -> requests.Response:
        """Sends an image; underscores in the names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post("/v1/images", data=body, headers=named)

    def begin(self, *headers: str) -> socket.socket:
        """Sends the headers of an image on a connection of its own; the body may follow."""
        key = f"Authorization: Bearer {self.key}"
        lines = ["POST /v1/images HTTP/1.1", "Host: x", key, *headers, "", ""]
        return opened(self.port, "\r\n".join(lines).encode())

    def of(self, key: str) -> Api:
        """Returns the same API as somebody else sees it."""
        return Api(self.address, key)


def opened(port: int, sent: bytes) -> socket.socket:
    """Returns a connection on which something was sent."""
    made = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    made.sendall(sent)
    return made
