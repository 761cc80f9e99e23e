"""One upload API and one Chromium for the session; an uploader and a page for each test."""

import os
import shutil
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from infra.local.stack import Stack
from tests.browser.site import Site, open_site
from tests.browser.visitor import MAX_WAIT_SECONDS, Visitor
from tests.integration.conftest import pictures, stack

__all__ = ["browser", "context", "pictures", "site", "stack", "visitor"]


@pytest.fixture(scope="session")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(stack, tmp_path_factory.mktemp("upload_api")) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "The page's tests need Chromium; install it with: apt-get install chromium"
    expect.set_options(timeout=MAX_WAIT_SECONDS * 1000)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own rule for root
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="en-GB", timezone_id="UTC")
    made.set_default_timeout(MAX_WAIT_SECONDS * 1000)
    yield made
    made.close()


@pytest.fixture
def visitor(site: Site, context: BrowserContext) -> Iterator[Visitor]:
    """Somebody who has come to the page, whatever the test: no error, no stranger is asked."""
    uploader = f"visitor-{uuid.uuid4().hex[:12]}"
    made = Visitor(site, uploader, site.create_key(uploader), context.new_page())
    made.listen()
    made.arrive()
    yield made
    assert made.errors == []
    assert made.origins() <= site.origins
