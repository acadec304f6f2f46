"""Takes the screenshots of TensorBoard in docs/images.

    pip install selenium && apt-get install chromium chromium-driver fonts-dejavu
    python tools/screenshots.py --logs=FOLDER

Trains the runs that the screenshots show, unless FOLDER already has them, which takes a few
minutes. Then it serves them on 127.0.0.1 and drives a headless Chromium, with two device
pixels for each pixel of the page. Options for `train.py`, such as `--data_dir`, can follow.
The environment variables CHROMIUM and CHROMEDRIVER name other programs than Debian's.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from server import serving  # noqa: E402

# What HParams is to show: the options that differ between the four runs, and these metrics.
COLUMNS = {"activation", "dropout", "hidden_units", "train epoch_accuracy"}
COLUMNS |= {"validation epoch_loss", "validation epoch_accuracy"}
RUNS = {
    "one/fashion_mnist": [],
    "four/baseline": ["--epochs=5"],
    "four/dropout": ["--epochs=5", "--dropout=0.2"],
    "four/tanh": ["--epochs=5", "--activation=tanh"],
    "four/wide": ["--epochs=5", "--hidden_units=512,512"],
}
FLAGS = """headless no-sandbox disable-gpu disable-quic no-first-run hide-scrollbars disable-sync
    disable-background-networking disable-component-update force-device-scale-factor=2"""
# Dashboards are trees of elements with shadow roots, which selectors do not reach into.
FIND = """
    const found = [];
    const walk = (node) => {
        for (const element of node.querySelectorAll('*')) {
            if (element.matches(arguments[0])) found.push(element);
            if (element.shadowRoot) walk(element.shadowRoot);
        }
    };
    walk(document);
    return found.filter((element) => element.getBoundingClientRect().width > 0);
"""
# Left, top, right and bottom of an element on the whole page, outside of all frames.
BOX = """
    const box = arguments[0].getBoundingClientRect();
    let [x, y] = [box.x, box.y];
    for (let view = window; view.frameElement; view = view.parent) {
        x += view.frameElement.getBoundingClientRect().x;
        y += view.frameElement.getBoundingClientRect().y;
    }
    return [x, y, x + box.width, y + box.height];
"""


def train(logs: Path, options: list[str]) -> None:
    """Trains the runs that are missing."""
    for run, flags in RUNS.items():
        folder = logs / run
        if not folder.exists():
            command = [sys.executable, str(ROOT / "train.py"), f"--name={folder.name}"]
            command += [f"--flagfile={ROOT}/configs/fashion_mnist.flags", *flags, *options]
            subprocess.run([*command, f"--log_dir={folder.parent}"], check=True)


def wait_for(server, dashboards: set[str]) -> None:
    """Waits until TensorBoard has read enough of the runs to offer these dashboards."""

    def offered():
        plugins = server.json("plugins_listing")
        return dashboards <= {name for name, plugin in plugins.items() if plugin["enabled"]}

    server.wait_for(offered, seconds=120)
    time.sleep(5)  # for the rest of the runs


@contextlib.contextmanager
def browsing(width: int, height: int):
    """A headless Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        for flag in [*FLAGS.split(), f"window-size={width},{height}", f"user-data-dir={home}"]:
            options.add_argument(f"--{flag}")
        service = webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
        browser = webdriver.Chrome(options=options, service=service)
        try:
            yield browser
        finally:
            browser.quit()


def find(browser, selector: str, count: int = 1) -> list:
    """The visible elements that match, as soon as there are `count` of them."""

    def enough(browser):
        found = browser.execute_script(FIND, selector)
        return found if len(found) >= count else None

    return WebDriverWait(browser, 60).until(enough, f"{count} of {selector}")


def open_page(browser, server, dashboard: str, tags: str = "") -> None:
    """Shows a dashboard, with the cards whose tags match."""
    browser.get("about:blank")  # or only the fragment of the address would change
    query = f"&tagFilter={urllib.parse.quote(tags)}" if tags else ""
    browser.get(f"{server.url}/#{dashboard}{query}")


def save(browser, path: Path, elements: list, pad: int = 12) -> None:
    """Saves the part of the page that some elements cover, as a PNG with a palette."""
    time.sleep(3)  # until the charts stop moving
    boxes = [browser.execute_script(BOX, element) for element in elements]
    left, top = (min(box[i] for box in boxes) - pad for i in (0, 1))
    right, bottom = (max(box[i] for box in boxes) + pad for i in (2, 3))
    clip = {"x": left, "y": top, "width": right - left, "height": bottom - top, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    image = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size / 1000:.0f} kB")


def one_run(browser, server, out: Path) -> None:
    """Histograms, distributions, pictures and the projector of one run."""
    wait_for(server, {"histograms", "distributions", "images", "projector"})
    open_page(browser, server, "histograms", "^gradients/.*kernel$")
    save(browser, out / "gradients.png", find(browser, "tf-histogram-loader", 5)[:5])
    open_page(browser, server, "distributions", "^activations/(flatten|hidden_.|outputs)$")
    save(browser, out / "activations.png", find(browser, "tf-distribution-loader", 6)[:6])
    open_page(browser, server, "images", "confusion|mistakes")
    save(browser, out / "confusion.png", find(browser, "img", 2)[:2], pad=15)
    open_page(browser, server, "projector")
    for _ in range(2):  # a frame in a frame
        browser.switch_to.frame(find(browser, "iframe")[0])
    view = find(browser, "#scatter")[0]
    time.sleep(5)  # until the images are loaded
    # Most points are to the right of the origin: move these to the middle, and come closer.
    mouse = ActionChains(browser).move_to_element(view)
    mouse.key_down(Keys.CONTROL).click_and_hold().move_by_offset(-110, -20).release()
    mouse.key_up(Keys.CONTROL).perform()
    for _ in range(8):
        ActionChains(browser).scroll_from_origin(ScrollOrigin.from_element(view), 0, -300).perform()
    save(browser, out / "projector.png", [view], pad=-22)


def four_runs(browser, server, out: Path) -> None:
    """The table of HParams, with the options that differ."""
    wait_for(server, {"hparams"})
    open_page(browser, server, "hparams")
    for box in find(browser, ".hparam > paper-checkbox, .metric > paper-checkbox", 20):
        name = box.get_property("textContent").strip()
        if (box.get_attribute("checked") is not None) != (name in COLUMNS):
            browser.execute_script("arguments[0].click()", box)
    save(browser, out / "hparams.png", find(browser, "vaadin-grid-cell-content", 30), pad=0)


def main() -> int:
    """Takes all screenshots; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", required=True, type=Path, help="folder for the runs")
    parser.add_argument("--out", default=ROOT / "docs" / "images", type=Path, help="where to write")
    options, rest = parser.parse_known_args()
    logs = options.logs.resolve()
    train(logs, rest)
    for name, size, take in (("one", (1460, 1100), one_run), ("four", (1500, 900), four_runs)):
        with serving(logs / name) as server, browsing(*size) as browser:
            take(browser, server, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
