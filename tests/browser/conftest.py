"""One JupyterLab for all browser tests, a Chromium for each, and a copy of an executed run."""

import shutil
from pathlib import Path

import pytest
from jupyterlab_page import CHROMIUM, FLAGS, OpenNotebook, server, why_not, write_notebook


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """(folder of notebooks, address, Playwright)."""
    if why_not():
        pytest.skip(why_not())
    from playwright.sync_api import sync_playwright

    folder, state = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("state")
    with server(folder, state) as address, sync_playwright() as playwright:
        yield folder, address, playwright


@pytest.fixture
def browser(jupyterlab):
    """A Chromium of this test alone: one that ends early takes no other test with it."""
    _, _, playwright = jupyterlab
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield opened
    opened.close()


@pytest.fixture
def open_lab(jupyterlab, browser):
    """Function (lines of code, the last of which is a lab) -> `OpenNotebook`, the lab drawn."""
    folder, address, _ = jupyterlab
    opened = []

    def open_one(*lines, **options):
        name = f"lab{len(list(folder.glob('*.ipynb')))}.ipynb"
        write_notebook(folder / name, "\n".join(lines))
        notebook = OpenNotebook(browser, address, name)
        opened.append(notebook)
        notebook.run(**options)
        return notebook

    yield open_one
    for notebook in opened:
        notebook.shut_down()
        notebook.page.close()


@pytest.fixture(scope="session")
def copy_of_run(jupyterlab, smoke_run, tmp_path_factory):
    """An executed `smoke` run that labs may write into; none is made without a browser."""
    return Path(shutil.copytree(smoke_run, tmp_path_factory.mktemp("copy") / "smoke"))
