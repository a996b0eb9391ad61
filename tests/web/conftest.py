"""A real browser for the tests of pages: Debian's Chromium without a window, driven by selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1200,1000",
    "--lang=en-GB", "--force-device-scale-factor=1",
)  # fmt: skip
PATIENCE = 60.0
"""Seconds after which a page that does not load counts as broken."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for the whole run, with a profile of its own. Where there is none, CI fails and a laptop skips."""
    browser, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if browser is None or driver is None:
        missing = "Chromium and its driver are not installed: packages chromium and chromium-driver (make services)."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options, Service(driver))
    running.set_page_load_timeout(PATIENCE)
    try:
        yield running
    finally:
        running.quit()


@pytest.fixture
def browser_window(chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The browser without anybody's cookies. What its console says must be harmless: no script or style was refused."""
    chromium.get("about:blank")
    chromium.get_log("browser")
    chromium.delete_all_cookies()
    chromium.set_window_size(1200, 1000)
    yield chromium
    wrong = [
        line["message"]
        for line in chromium.get_log("browser")
        if line["level"] == "SEVERE" and "favicon" not in line["message"]
    ]
    assert not wrong, wrong


def keep_picture(window: webdriver.Chrome, name: str) -> None:
    """Save what the window shows, where CELERIAC_SCREENSHOTS names a folder: the pictures of the documentation."""
    if folder := os.environ.get("CELERIAC_SCREENSHOTS"):
        window.save_screenshot(str(Path(folder) / name))
