"""A JupyterLab on localhost and a Chromium that looks at it: what every browser test shares."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (  # no sandbox: tests may run as root in a container; and nothing that calls home
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
QUIET = {  # settings of JupyterLab: no news, no question whether it may fetch some
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
KERNEL_IS_IDLE = """() => {
  const book = window.jupyterapp?.shell.currentWidget;
  return book?.sessionContext?.session?.kernel?.status === "idle";
}"""
KERNEL_HAS_ANSWERED = """async () => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  await kernel.requestExecute({code: "", silent: true, store_history: false}).done;
}"""
FAILED = ".jp-OutputArea-output:has-text('Traceback (most recent call last)')"
HAS_KERNEL = (
    "() => Boolean(window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel)"
)
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
TRACEBACK = b"Traceback (most recent call last)"
LONGEST_S = 120  # for a kernel to import TensorFlow on a machine that is busy
OFTEN_MS = 50  # between two looks at a page that is about to change


def why_not() -> str:
    """Why no browser test can run here; "" where they can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install -r tests/browser/requirements.txt"
    return "" if CHROMIUM else "there is no Chromium on the PATH (Debian: apt install chromium)"


@contextlib.contextmanager
def server(folder: Path, state: Path):
    """A JupyterLab that serves a folder, without a token; yields its address.

    Args:
        folder: with the notebooks.
        state: gets JupyterLab's settings, so that nobody's own are touched.
    """
    for name, values in QUIET.items():
        path = state / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    port = _free_port()
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_RUNTIME_DIR": "runtime",
    }
    environment = {**os.environ, **{name: str(state / part) for name, part in folders.items()}}
    environment |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("BRAINLIB_RUN_TOKEN", None)  # nobody is headless here
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    command += ["--IdentityProvider.token=", "--ServerApp.password="]
    command += ["--expose-app-in-browser"]
    with (state / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address + "/api", process)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:  # its kernels end without it
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(LONGEST_S):
        assert process.poll() is None, "JupyterLab ended"
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=1)
            return
        time.sleep(1)
    raise AssertionError(f"no JupyterLab at {address}")


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)
    return path


class OpenNotebook:
    """A notebook in the browser.

    Attributes:
        page: of Playwright.
        errors: what the console called an error, and what a kernel failed with.
        elsewhere: addresses that were asked for outside of this machine.
    """

    def __init__(self, browser, address: str, name: str, *, width: int = 1280, dark: bool = False):
        self.errors, self.elsewhere = [], []
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._watch)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._read))
        self.page.goto(f"{address}/lab/tree/{name}?reset", timeout=1000 * LONGEST_S)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=1000 * LONGEST_S)
        if dark:
            self.command("apputils:change-theme", {"theme": "JupyterLab Dark"})

    def _listen(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def _read(self, frame):
        """What a kernel sends; JupyterLab shows nobody what a callback failed with."""
        data = frame if isinstance(frame, bytes) else frame.encode()
        if TRACEBACK in data:
            self.errors.append(data[data.index(TRACEBACK) :][-1500:].decode(errors="replace"))

    def _watch(self, request):
        inside = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
        if not request.url.startswith(inside):
            self.elsewhere.append(request.url)

    def command(self, name: str, arguments: dict | None = None) -> None:
        """A command of JupyterLab, as its menus call it; it is not waited for."""
        call = "([name, given]) => { window.jupyterapp.commands.execute(name, given); }"
        self.page.evaluate(call, [name, arguments or {}])

    def wait_for_kernel(self) -> None:
        """Until there is a kernel, and it has answered all that was asked before."""
        self.page.wait_for_function(KERNEL_IS_IDLE, timeout=1000 * LONGEST_S)
        self.page.evaluate(KERNEL_HAS_ANSWERED)

    def until(self, holds, words: str, *, longest_s: float = 60) -> None:
        """Looks at the page again and again until something holds; fails with the words."""
        for _ in range(int(1000 * longest_s / OFTEN_MS)):
            if holds():
                return
            self.page.wait_for_timeout(OFTEN_MS)
        raise AssertionError(f"nothing happened within {longest_s} s: {words}")

    def run(self, drawn: str = ".brain-lab-picture[data-drawn]") -> None:
        """Runs all cells and waits for the lab's first picture. drawn: its selector."""
        self.wait_for_kernel()
        self.command("notebook:run-all-cells")
        longest = 1000 * LONGEST_S
        self.page.wait_for_selector(f"{drawn}, {FAILED}", timeout=longest, state="attached")
        failed = self.page.locator(FAILED)
        assert not failed.count(), failed.first.inner_text()

    def drawn(self) -> str:
        """Grows with every picture that the lab has shown."""
        return self.page.get_attribute(".brain-lab-picture", "data-drawn")

    def words(self) -> str:
        """All that the lab says."""
        return self.page.locator(".brain-lab").first.inner_text()

    def seen(self) -> tuple[str, str]:
        """Which picture is shown, and all words."""
        return self.drawn(), self.words()

    def alt(self) -> str:
        """The picture in words."""
        return self.page.get_attribute(".brain-lab-picture", "alt")

    def changes(self, act, look=None, words: str = "the picture") -> None:
        """Asserts that an action of the user changes something in the page.

        Args:
            act: what the user does.
            look: () -> what is seen; absent: which picture is shown.
            words: what should change.
        """
        look = look or self.drawn
        before = look()
        act()
        self.until(lambda: look() != before, words)

    def control(self, label: str):
        """The widget of a label."""
        return self.page.locator(
            f".brain-lab .jupyter-widgets:has(> .widget-label:text-is('{label}'))"
        )

    def save(self) -> None:
        """Saves the notebook, and waits until it is saved."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def shut_down(self) -> None:
        """Ends the kernel, and waits for its end."""
        if self.page.evaluate(HAS_KERNEL):
            self.page.evaluate(SHUT_DOWN)

    def check(self) -> None:
        """No error in the console, no request that leaves the machine."""
        self.wait_for_kernel()
        assert not self.errors, self.errors
        assert not self.elsewhere, self.elsewhere
