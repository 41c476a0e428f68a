"""`__results__.html`, as Kaggle makes it: nbconvert's HTML with the images beside it.

It is made by a process of its own, which starts while the notebook runs and has nbconvert imported
by the time it is needed. A notebook that trips nbconvert, or takes it for ever, costs a page and
nothing else.

Source: kaggle-runtime facts, section 5, and logs of public notebooks: nbconvert to html with
ExtractOutputPreprocessor, images in `__results___files/`; read 2026-11.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

NOTEBOOK = "__notebook__.ipynb"
PAGE = "__results__.html"
IMAGES = "__results___files"
ARGUMENT = "--render"
_LARGEST_NOTEBOOK_BYTES = 256 * 2**20
_ADDRESS_SPACE_BYTES = 8 * 2**30
_NICENESS = 5


class Renderer:
    """The process that makes the page."""

    def __init__(self, main: Path, out: Path) -> None:
        """Start it; it imports nbconvert and waits.

        Args:
            main: The runner's main file, which is also the process's.
            out: Folder with the notebook, for the page.
        """
        self._command = [sys.executable, "-I", "-B", "-X", "utf8", str(main), ARGUMENT, str(out)]
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
        )

    @property
    def pid(self) -> int:
        """Its process id: no process of the notebook."""
        return self._process.pid

    def begin(self) -> None:
        """Let it render; start it again when it was killed together with the notebook."""
        if self._process.poll() is not None:
            self._process = self._start()
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()  # the end of its input is the sign to begin
            except BrokenPipeError:
                return

    def finish(self, timeout_s: float) -> str | None:
        """Wait for the page.

        Returns:
            What went wrong, or None.
        """
        try:
            code = self._process.wait(max(0.0, timeout_s))
            if code == -signal.SIGKILL:  # it was hit together with the notebook's processes
                self.begin()
                code = self._process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            self.kill()
            return "the page was not ready in time"
        return None if code == 0 else f"nbconvert ended with {code}: {self._last_complaint()}"

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

    def kill(self) -> None:
        """End it and wait for its end."""
        self._process.kill()
        self._process.wait()


def render_main(out: Path) -> int:
    """Be the process: import, wait, render.

    Returns:
        The exit code.
    """
    os.nice(_NICENESS)  # the kernel and the runner, which start at the same time, come first
    from nbconvert.exporters.html import HTMLExporter  # noqa: PLC0415 - only this process needs it

    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    sys.stdin.buffer.read()
    source = out / NOTEBOOK
    if source.stat().st_size > _LARGEST_NOTEBOOK_BYTES:
        return 2
    exporter = HTMLExporter()
    exporter.register_preprocessor(
        "nbconvert.preprocessors.ExtractOutputPreprocessor", enabled=True
    )
    resources = {
        "unique_key": "__results__",
        "output_files_dir": IMAGES,
        "metadata": {"name": "__notebook__"},
    }
    body, resources = exporter.from_filename(str(source), resources=resources)
    for name, content in (resources.get("outputs") or {}).items():
        write_image(out, name, content)
    new = out / (PAGE + ".new")
    new.write_bytes(body.encode("utf-8", "replace"))
    new.replace(out / PAGE)
    return 0


def write_image(out: Path, name: str, content: bytes) -> bool:
    """Write a picture that the page refers to.

    An output's metadata can name its file, so a name that leads out of the folder of pictures is
    not written.

    Returns:
        Whether it was written.
    """
    path = PurePosixPath(name)
    if len(path.parts) != 2 or path.parts[0] != IMAGES or path.parts[1] == "..":
        return False
    target = out / path
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return True
