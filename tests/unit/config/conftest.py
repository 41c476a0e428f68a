"""A small project on disk, a machine, and a short way to ask for a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Host, Request, Resolved, Settings, resolve

HOST = Host(
    cpus=64,
    memory_bytes=512 * 2**30,
    disk_free_bytes=10**12,
    gpus=2,
    docker_problem=None,
    docker_images=frozenset({"kaggle-harness:slim"}),
    bubblewrap_problem=None,
    mirror=Path("/opt/mirror"),
)


class Project:
    """A folder with a notebook, from which runs are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notebook = folder / "nb.ipynb"
        self.host = HOST
        self.write_notebook()

    def write_notebook(self, kaggle: object = None, name: str = "nb.ipynb") -> Path:
        metadata = {} if kaggle is None else {"kaggle": kaggle}
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cells": [], "metadata": metadata, "nbformat": 4}))
        return path

    def kernel(self, **fields: object) -> None:
        data = {"code_file": "nb.ipynb", "enable_internet": False} | fields
        (self.folder / "kernel-metadata.json").write_text(json.dumps(data))

    def toml(self, text: str) -> None:
        (self.folder / "harness.toml").write_text(text)

    def stage(self, *handles: str, files: tuple[str, ...] = ("data.csv",)) -> None:
        for handle in handles:
            folder = self.folder / "inputs" / handle
            folder.mkdir(parents=True)
            for name in files:
                (folder / name).write_text("x")

    def on(self, **facts: object) -> None:
        self.host = replace(self.host, **facts)

    def ask(
        self,
        environment: Mapping[str, str] | None = None,
        notebook: str | Path = "nb.ipynb",
        **flags: object,
    ) -> Resolved:
        request = Request(
            notebook=Path(notebook),
            flags=Settings(**flags),
            environment=environment or {},
            cwd=self.folder,
        )
        return resolve(request, self.host)

    def source(self, name: str, resolved: Resolved) -> str:
        return next(each.source for each in resolved.origins if each.name == name)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / ".git").mkdir()  # the settings file is sought no higher
    return Project(tmp_path)
