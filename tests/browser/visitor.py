"""Somebody with a key who looks at the upload page in Chromium."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, ConsoleMessage, FilePayload, Locator, Page, Request

from infra.demo.photographs import Photograph
from tests.browser.site import Site

UNLIMITED = -1
MAX_WAIT_SECONDS = 30


@dataclass(frozen=True)
class Visitor:
    """A page with a key to it, and all that the browser said and asked meanwhile."""

    site: Site
    uploader: str
    key: str
    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", lambda message: self._note(message))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request))

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium itself says so of each answer above 399; what the page made of it is tested.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def arrive(self) -> None:
        """Opens the page and gives the key."""
        self.page.goto(self.site.address)
        self.page.get_by_label("API key").fill(self.key)
        self.page.get_by_role("button", name="Use this key").click()
        self.page.get_by_role("button", name="Choose images").wait_for()

    def choose(self, *files: Photograph) -> None:
        self.page.locator("#files").set_input_files([payload(file) for file in files])

    def drop(self, paths: Sequence[Path]) -> None:
        """Drops files on the zone, the way a file manager's drag comes to the browser."""
        box = self.page.locator("#drop").bounding_box()
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.cdp().send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})

    def limit_uploads(self, bytes_per_second: int) -> None:
        """Makes the line slow, so that there is time to look while something is sent."""
        conditions = {"offline": False, "latency": 0, "downloadThroughput": UNLIMITED}
        cdp = self.cdp()
        cdp.send("Network.enable")
        limits = {**conditions, "uploadThroughput": bytes_per_second}
        cdp.send("Network.emulateNetworkConditions", limits)

    def cdp(self) -> CDPSession:
        return self.page.context.new_cdp_session(self.page)

    def tile(self, name: str) -> Locator:
        """The tile of an image, by its file name."""
        heading = self.page.get_by_role("heading", name=name, exact=True)
        return self.page.locator(".tile").filter(has=heading)

    def tiles(self, state: str) -> Locator:
        return self.page.locator(f".tile[data-state={state}]")

    def button(self, verb: str, name: str) -> Locator:
        return self.page.get_by_role("button", name=f"{verb} {name}", exact=True)

    def sent(self) -> list[Request]:
        """Every attempt to send an image so far."""
        return [request for request in self.requests if request.method == "POST"]

    def idempotency_keys(self) -> list[str]:
        return [request.headers["idempotency-key"] for request in self.sent()]

    def origins(self) -> set[str]:
        """Where the page asked."""
        parts = (urlsplit(request.url) for request in self.requests)
        return {f"{part.scheme}://{part.netloc}" for part in parts if part.scheme != "blob"}

    def until(self, is_true: Callable[[], object]) -> None:
        """Waits for what no locator can tell, as long as for locators."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, f"waited {MAX_WAIT_SECONDS} s"
            self.page.wait_for_timeout(50)


def payload(file: Photograph) -> FilePayload:
    return FilePayload(name=file.name, mimeType=file.content_type, buffer=file.body)


def texts(locator: Locator) -> Iterator[str]:
    """The texts of elements, with plain spaces."""
    yield from (text.replace("\u00a0", " ") for text in locator.all_inner_texts())
