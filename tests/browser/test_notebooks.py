"""The committed notebooks in a fresh clone: a real JupyterLab, which does not trust them."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.request import urlopen

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from lib.recipe import NOTEBOOKS
from lib.settings import PROJECT_DIR
from tests.plain_html import glued

TOKEN = "of-the-tests"
SETTINGS = {
    "apputils-extension/themes": {"adaptive-theme": True},  # light or dark as the browser says
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells are in the page
}
GROUNDS = {"light": (255, 255, 255), "dark": (17, 17, 17)}  # JupyterLab's, behind outputs
NOTEBOOK = "window.jupyterapp.shell.currentWidget"


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of a JupyterLab that has never seen any notebook."""
    home, clone = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("clone")
    for name in NOTEBOOKS:
        text = (PROJECT_DIR / f"{name}.ipynb").read_text(encoding="utf-8")
        notebook = json.loads(text)
        # JupyterLab writes there which Python it has found: with another one it has to save that.
        notebook["metadata"]["language_info"]["version"] = platform.python_version()
        (clone / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    own = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    own |= {
        f"JUPYTERLAB_{kind.upper()}_DIR": str(home / kind) for kind in ("settings", "workspaces")
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    options = [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={clone}"]
    options += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, *options],
            env={**os.environ, "HOME": str(home), "IPYTHONDIR": str(home / "ipython"), **own},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = ""
            while not url:
                assert server.poll() is None, (home / "log").read_text()[-2000:]
                with suppress(OSError, ValueError):  # not written, not whole, not listening yet
                    info = json.loads((home / f"RUNTIME/jpserver-{server.pid}.json").read_text())
                    urlopen(f"{info['url']}api").close()
                    url = info["url"]
                time.sleep(0.1)
            context = browser.new_context(viewport={"width": 1200, "height": 4000})
            context.set_default_timeout(120_000)  # for slow machines; nothing waits for it to pass
            page = context.new_page()
            page.goto(f"{url}lab?token={TOKEN}")
            page.wait_for_function("window.jupyterapp?.restored")
            yield page
            context.close()
        finally:
            server.terminate()
            server.wait(300)


def outputs_of(name: str) -> list[dict[str, str]]:
    """MIME type → data, of every output that has some."""
    cells = json.loads((PROJECT_DIR / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [o["data"] for cell in cells for o in cell.get("outputs", []) if "data" in o]


def open_in(lab: Page, name: str) -> None:
    """Wait for the notebook, for its kernel, and for what that writes into the metadata."""
    lab.evaluate(
        """async path => {
            const app = window.jupyterapp;
            await app.restored;
            app.shell.currentWidget?.close();
            const widget = await app.commands.execute("docmanager:open", { path });
            await widget.context.ready;
            await widget.revealed;
            await widget.sessionContext.ready;
            const kernel = widget.sessionContext.session.kernel;
            await Promise.all([kernel.info, kernel.spec]);
        }""",
        f"{name}.ipynb",
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_fresh_clone_is_read_as_it_is(name: str, lab: Page) -> None:
    open_in(lab, name)
    trusted = "[...m.cells].filter(c => c.outputs?.length && c.trusted).length"
    assert lab.evaluate(f"(m => {trusted})({NOTEBOOK}.content.model)") == 0
    assert lab.evaluate(f"{NOTEBOOK}.context.model.dirty") is False
    assert lab.locator(".jp-mod-dirty").count() == 0

    bundles = outputs_of(name)
    pages = lab.locator(".jp-OutputArea-output.jp-RenderedHTML").all()
    assert len(pages) == sum("text/html" in bundle for bundle in bundles)
    for shown in pages:
        html = shown.inner_html()
        assert "<style" not in html
        assert glued(html) == []
    pictures = lab.locator(".jp-OutputArea-output.jp-RenderedImage img").all()
    assert len(pictures) == sum("image/png" in bundle for bundle in bundles)
    for picture in pictures:
        assert picture.evaluate("image => image.naturalWidth") > 300
        assert (picture.get_attribute("src") or "").startswith("data:image/png")

    plots = lab.locator(".jp-Cell:has-text('plot_') .jp-RenderedImage img").all()
    for scheme in ("light", "dark"):
        lab.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        lab.wait_for_function(
            "colour => getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor"
            " == colour",
            arg="rgb({}, {}, {})".format(*GROUNDS[scheme]),
        )
        for plot in plots:
            assert corners(plot) == {GROUNDS[scheme]}
        for shown in pages if scheme == "dark" else []:
            assert share_of_white(shown) < 0.1


def pixels(shown: Locator) -> Image.Image:
    return Image.open(io.BytesIO(shown.screenshot(animations="disabled"))).convert("RGB")


def corners(shown: Locator) -> set[tuple[int, ...]]:
    """The colours a little inside of the four corners."""
    picture = pixels(shown)
    xs, ys = (2, picture.width - 3), (2, picture.height - 3)
    return {picture.getpixel((x, y)) for x in xs for y in ys}


def share_of_white(shown: Locator) -> float:
    """On a dark page that of the letters is a few percent, that of a block far more."""
    grey = pixels(shown).convert("L").histogram()
    return sum(grey[250:]) / sum(grey)
