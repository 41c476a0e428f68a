"""`__results__.html`, as Kaggle makes it: nbconvert's HTML with the images beside it.

A process of its own makes it (`page.py`). It starts while the notebook runs and has nbconvert
imported by the time it is needed. It has no more rights than the notebook, because what it reads
can have been changed by the notebook; and a notebook that trips nbconvert, or takes it for ever,
costs a page and nothing else.

Source: nbconvert to html with ExtractOutputPreprocessor, images in `__results___files/`, in the
logs of public notebooks of 2026; read 2026-11.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from harness.inside import page
from harness.inside.page import IMAGES

NOTEBOOK = "__notebook__.ipynb"
PAGE = "__results__.html"
_LARGEST_NOTEBOOK_BYTES = 256 * 2**20
_LARGEST_PAGE_BYTES = 512 * 2**20
_IMAGES_KEPT = 10_000
# Nothing of the session: a home folder could hold templates, and the notebook writes there.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "JUPYTER_NO_CONFIG": "1"}


class Renderer:
    """Makes the page of one run.

    Attributes:
        process: The one that imports nbconvert and waits, or renders.
    """

    def __init__(self, prefix: Sequence[str], out: Path, working: Path) -> None:
        """Start the process.

        Args:
            prefix: Makes it as powerless as the kernel.
            out: Folder with the notebook, for the page.
            working: A folder that exists for the notebook's user.
        """
        source = Path(page.__file__).read_text(encoding="utf-8")
        self._command = [*prefix, sys.executable, "-I", "-B", "-X", "utf8", "-c", source]
        self._out = out
        self._working = working
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
        self._problem: str | None = "it was never begun"
        self._thread = threading.Thread(target=self._render, name="page", daemon=True)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            cwd=self._working,
            env=_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
        )

    def begin(self) -> None:
        """Let it render, in the background."""
        self._thread.start()

    def finish(self, timeout_s: float) -> str | None:
        """Wait for the page.

        Returns:
            What went wrong, or None.
        """
        # In Docker it is a process of the notebook's user, who may have stopped it.
        self.process.send_signal(signal.SIGCONT)
        self._thread.join(max(0.0, timeout_s))
        if self._thread.is_alive():
            self._problem = "it was not ready in time"
            self.kill()
        return self._problem

    def kill(self) -> None:
        """End the process, and what the prefix put around it."""
        self.process.kill()
        self.process.wait()

    def _render(self) -> None:
        try:
            if (self._out / NOTEBOOK).stat().st_size > _LARGEST_NOTEBOOK_BYTES:
                self._problem = "the notebook is too large"
                return
            notebook = (self._out / NOTEBOOK).read_bytes()
            content = self._converted(notebook)
            if not content and self.process.returncode is not None:
                # It was killed together with the notebook's processes, or by one of them.
                self.process = self._start()
                content = self._converted(notebook)
            save_page(content, self._out)
            self._problem = None
        except (OSError, ValueError) as error:
            self._problem = f"{error}: {self._last_complaint()}"

    def _converted(self, notebook: bytes) -> bytes:
        process = self.process
        if process.stdin is None or process.stdout is None:
            return b""
        try:
            process.stdin.write(notebook)
            process.stdin.close()
        except OSError:  # it is gone
            process.wait()
            return b""
        content = process.stdout.read(_LARGEST_PAGE_BYTES)
        process.stdout.close()
        process.wait()
        return content

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


def save_page(content: bytes, out: Path) -> None:
    """Write the page and the images that `page.py` made.

    An output's metadata can name its image, so an image whose name leads out of its folder is left
    out.

    Raises:
        ValueError: This is not what `page.py` writes.
        OSError: A file cannot be written.
    """
    first, _, rest = content.partition(b"\n")
    try:
        header = json.loads(first)
        page_bytes = int(header["page"])
        images = [(str(name), int(size)) for name, size in header["images"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("nbconvert made no page") from error
    if len(rest) != page_bytes + sum(size for _, size in images):
        raise ValueError("nbconvert's page is not complete")
    position = page_bytes
    for name, size in images[:_IMAGES_KEPT]:
        if is_image_name(name) and size >= 0:
            target = out / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(rest[position : position + size])
        position += size
    new = out / (PAGE + ".new")
    new.write_bytes(rest[:page_bytes])
    new.replace(out / PAGE)


def is_image_name(name: str) -> bool:
    """Whether a name is that of a file in the folder of images, and nowhere else."""
    parts = PurePosixPath(name).parts
    return len(parts) == 2 and parts[0] == IMAGES and parts[1] != ".." and "\0" not in name
