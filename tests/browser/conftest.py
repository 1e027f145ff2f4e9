"""A real browser: the system's Chromium, driven by Playwright; without one, tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

expect.set_options(timeout=120_000)  # ms: the machine may be busy


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for this folder: Playwright's event loop must end before other tests run theirs."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A context of its own a test: cookies, colour scheme, size; pages of it are tabs."""
    context = browser.new_context()
    context.set_default_timeout(120_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def accessibility_faults(page: Page) -> str:
    """What axe-core finds on the page as it stands; empty when there is nothing."""
    results = Axe().run(page)
    return results.generate_report() if results.violations_count else ""
