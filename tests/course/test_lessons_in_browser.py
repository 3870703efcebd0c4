"""Opens every lesson in JupyterLab, runs it whole, and takes a screenshot to be looked at.

    pip install --editable ".[develop,browser]"      and Chromium or Chrome, with its driver
    pytest --modules solutions tests/course/test_lessons_in_browser.py

The screenshots lie in `runs/screenshots/`.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from malaria import PROJECT
from tests.course.patience import PATIENCE
from tools.notebooks import LESSONS, METADATA

pytestmark = pytest.mark.slow
webdriver = pytest.importorskip("selenium.webdriver", reason="needs the extra `browser`")

PATHS = sorted(LESSONS.glob("*.ipynb"))
SCREENSHOTS = PROJECT / "runs" / "screenshots"
WIDTH, HEIGHT = 1100, 800
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# All cells drawn, also those that one would have to scroll to.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}

OPENED = "return !!window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
RUN = """
const done = arguments[0], commands = window.jupyterapp.commands;
(async () => {
    await window.jupyterapp.shell.currentWidget.sessionContext.ready;
    await commands.execute("notebook:clear-all-cell-outputs");
    await commands.execute("notebook:run-all-cells");
    await commands.execute("docmanager:save");
})().then(() => done(""), error => done(String(error)));
"""
LENGTH = """
const panel = window.jupyterapp.shell.currentWidget.content.node;
panel.querySelectorAll("*").forEach(node => node.scrollTo(0, 0));
return Array.from(document.querySelectorAll(".jp-Notebook .jp-Cell"))
    .reduce((sum, cell) => sum + cell.offsetHeight, 0);
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the lessons: JupyterLab saves what it has run."""
    folder = tmp_path_factory.mktemp("lab") / "course"
    shutil.copytree(LESSONS, folder / "lessons")
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    """The address of a JupyterLab of our own, without the user's settings."""
    settings = folder.parent / "settings"
    for name, values in SETTINGS.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--port=0", "--allow-root"]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    environment = os.environ | {
        "MALARIA_MODULES": "solutions",
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    server = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        told = (
            re.search(r"(http://localhost:\d+)/\w+\?(token=\w+)", line) for line in server.stderr
        )
        yield next(found.groups() for found in told if found)
    finally:
        server.terminate()
        server.communicate()


@pytest.fixture(scope="module")
def browser():
    """Chromium, headless."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    if binary is None:
        pytest.skip("needs Chromium or Chrome")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in ("headless=new", "no-sandbox", f"window-size={WIDTH},{HEIGHT}"):
        options.add_argument(f"--{option}")
    driver = shutil.which("chromedriver")
    service = webdriver.ChromeService(executable_path=driver) if driver else None
    browser = webdriver.Chrome(options, service)
    try:
        browser.set_script_timeout(PATIENCE)
        yield browser
    finally:
        browser.quit()


def run_whole(browser, lab, path, screenshot=None):
    """Open a notebook, run all of its cells, save it; returns it as saved."""
    from selenium.webdriver.support.ui import WebDriverWait

    address, token = lab
    browser.set_window_size(WIDTH, HEIGHT)
    browser.get(f"{address}/doc/tree/{path.parent.name}/{path.name}?reset&{token}")
    WebDriverWait(browser, PATIENCE).until(lambda browser: browser.execute_script(OPENED))
    failure = browser.execute_async_script(RUN)
    assert not failure, failure
    if screenshot is not None:
        browser.set_window_size(WIDTH, min(browser.execute_script(LENGTH) + 300, 16000))
        screenshot.parent.mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(screenshot))
    return nbformat.read(path, as_version=4)


def errors(notebook):
    """The errors among the outputs of a notebook, which was run whole."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = (output for cell in cells for output in cell.outputs)
    return [output.evalue for output in outputs if output.output_type == "error"]


@pytest.mark.parametrize("name", [path.name for path in PATHS])
def test_a_lesson_runs_whole_in_jupyterlab(browser, lab, folder, name):
    """As a learner runs it: all cells, without an error among the outputs."""
    screenshot = SCREENSHOTS / f"{name.removesuffix('.ipynb')}.png"
    assert errors(run_whole(browser, lab, folder / "lessons" / name, screenshot)) == []


def test_an_error_is_found(browser, lab, folder):
    """Otherwise the test above could not fail."""
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    notebook.cells = [nbformat.v4.new_code_cell("1 / 0")]
    path = folder / "lessons" / "broken.ipynb"
    nbformat.write(notebook, path)
    assert errors(run_whole(browser, lab, path)) == ["division by zero"]
