"""The notebooks that are measured, written where they are needed."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STUBBORN = """
    import os
    import signal
    import subprocess

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for _ in range(20):
        subprocess.Popen(["sh", "-c", "trap '' INT TERM HUP; exec sleep WORD"],
                         start_new_session=True)
    while True:
        pass
"""

ONE_GIB = """
    import time

    block = bytearray(b"x") * 2**30
    time.sleep(1)
"""

PAUSE = """
    import time

    time.sleep(1)
"""


def write(path: Path, cells: Iterable[str]) -> Path:
    """Write a notebook of code cells."""
    code = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": textwrap.dedent(cell).strip(),
        }
        for cell in cells
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": code, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def with_paths(source: Path, target: Path, replaced: dict[str, str]) -> Path:
    """Copy a notebook with other paths in its code, for a program that has no /kaggle."""
    whole: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    for cell in whole["cells"]:
        text = "".join(cell["source"])
        for old, new in replaced.items():
            text = text.replace(old, new)
        cell["source"] = text
    target.write_text(json.dumps(whole), encoding="utf-8")
    return target
