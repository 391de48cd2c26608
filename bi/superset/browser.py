"""Photographs a dashboard in headless Chromium, in Superset's own environment, which has Selenium and Pillow.

`browser.py ADDRESS LINK PICTURE`, with the password of admin in `BI_ADMIN_PASSWORD`; exits 1 when a chart has an error.
"""

import io
import json
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WIDTH, TALLEST = 1600, 6000
LONGEST_WAIT = 600
OK = 200
SWITCHES = (
    "--headless=new",
    "--disable-gpu",
    "--hide-scrollbars",
    # Chromium would ask its maker for this and that.
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
IS_LOADING = "return document.querySelectorAll('[data-test=\"loading-indicator\"], .loading').length"
BOTTOM = (
    "return Math.ceil(Math.max(...[...document.querySelectorAll('.dashboard-component-chart-holder')]"
    ".map(one => one.getBoundingClientRect().bottom)))"
)


def browser() -> webdriver.Chrome:
    """Start Chromium without a window, with a record of what it asks the server for."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    # As root Chromium refuses to run with its sandbox.
    for one in (*SWITCHES, *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(one)
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    # On a busy machine a page of this height answers late.
    driver.set_script_timeout(LONGEST_WAIT)
    driver.command_executor.client_config.timeout = LONGEST_WAIT
    return driver


def sign_in(driver: webdriver.Chrome, address: str) -> None:
    """Fill the form in as a person would."""
    driver.get(f"{address}/login/")
    wait = WebDriverWait(driver, LONGEST_WAIT)
    wait.until(lambda one: one.find_elements(By.ID, "password"))
    driver.find_element(By.ID, "username").send_keys("admin")
    driver.find_element(By.ID, "password").send_keys(os.environ["BI_ADMIN_PASSWORD"])
    driver.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait.until(lambda one: "/login" not in one.current_url)


def resize(driver: webdriver.Chrome, height: int) -> None:
    """Make the page so high that Superset, which draws only what can be seen, draws it all."""
    sizes = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)


def picture(driver: webdriver.Chrome) -> bytes:
    """Return a PNG of the page once nothing loads and nothing moves any more."""
    pictures = [b""]

    def rests(one: webdriver.Chrome) -> bool:
        pictures.append(one.get_screenshot_as_png())
        return not one.execute_script(IS_LOADING) and pictures[-1] == pictures[-2]

    # A page that is busy drawing gives no picture in time: it does not rest yet.
    WebDriverWait(driver, LONGEST_WAIT, poll_frequency=2, ignored_exceptions=[TimeoutException]).until(rests)
    return pictures[-1]


def refused(driver: webdriver.Chrome) -> list[str]:
    """Return the queries for a chart's data that the server refused, with its status."""
    events = [json.loads(one["message"])["message"] for one in driver.get_log("performance")]
    answers = [one["params"]["response"] for one in events if one["method"] == "Network.responseReceived"]
    return [f"{one['status']} {one['url']}" for one in answers if "/chart/data" in one["url"] and one["status"] != OK]


def main() -> None:
    """Photograph the page that the link leads to."""
    address, link, file = sys.argv[1:]
    driver = browser()
    try:
        sign_in(driver, address)
        resize(driver, TALLEST)
        driver.get(link)
        WebDriverWait(driver, LONGEST_WAIT).until(lambda one: one.find_elements(By.CSS_SELECTOR, ".grid-container"))
        picture(driver)
        resize(driver, driver.execute_script(BOTTOM) + 16)
        final = picture(driver)
        if failed := refused(driver):
            sys.exit("These charts have errors:\n" + "\n".join(failed))
    finally:
        driver.quit()
    # 256 colours are enough for charts, and a third of the size.
    Image.open(io.BytesIO(final)).convert("RGB").quantize(256).save(Path(file), optimize=True)


if __name__ == "__main__":
    main()
