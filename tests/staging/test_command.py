"""`harness stage` in processes of its own: with real pip, killed, interrupted, twice at once."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import time
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from harness.staging.restore import ensure
from tests.command import ROOT, Ended, command, environment, harness

HANDLE = "models/me/ranker/pytorch/default/1"
BIG_BYTES = 1 << 28


class Project:
    """A folder to stage in, with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.extra = {"XDG_CACHE_HOME": str(folder / "cache")}
        self.inputs = self.folder / "inputs"
        self.target = self.inputs / HANDLE

    def stage(self, *words: str) -> Ended:
        return harness("stage", *words, cwd=self.folder, extra=self.extra)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command("stage", *words),
            cwd=self.folder,
            env=environment(self.extra),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def beside(self) -> list[str]:
        """What lies where the input belongs: itself, and whatever is left over."""
        return sorted(each.name for each in self.target.parent.glob("*"))

    def big_source(self) -> str:
        """A folder that takes a second or so to stage; its file is one hole and costs no disk."""
        source = self.folder / "big"
        source.mkdir()
        with (source / "weights.bin").open("wb") as file:
            file.truncate(BIG_BYTES)
        (source / "config.json").write_text("{}")
        return "folder:big"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def wheels(project: Project) -> Path:
    """A folder of wheels with a package that holds a model; pip is told to look nowhere else."""
    folder = project.folder / "wheels"
    folder.mkdir()
    members = {
        "demo_model/__init__.py": b"",
        "demo_model/weights/config.json": b"{}",
        "demo_model/weights/1_Pooling/config.json": b"{}",
        "demo_model-1.0.dist-info/METADATA": b"Metadata-Version: 2.4\nName: demo-model\n"
        b"Version: 1.0\nLicense-Expression: MIT\n",
        "demo_model-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / "demo_model-1.0-py3-none-any.whl", "w") as wheel:
        record = "demo_model-1.0.dist-info/RECORD"
        lines = [f"{record},,"]
        for name, content in members.items():
            wheel.writestr(name, content)
            digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}")
        wheel.writestr(record, "\n".join(lines))
    project.extra |= {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": "/dev/null",
    }
    return folder


def test_a_package_by_the_real_pip(project: Project, wheels: Path) -> None:
    ended = project.stage("package:demo-model==1.0:demo_model/weights", HANDLE)
    assert ended.code == 0, ended
    assert "licence MIT" in ended.stdout
    assert "demo_model-1.0-py3-none-any.whl" in ended.stderr
    assert (project.target / "1_Pooling" / "config.json").read_text() == "{}"
    assert project.beside() == ["1"]
    lock = (project.folder / "inputs.lock").read_text()
    assert "://" not in lock
    assert str(wheels) not in lock


def test_a_package_that_is_not_offered(project: Project, wheels: Path) -> None:
    ended = project.stage("package:demo-model==2.0:demo_model/weights", HANDLE)
    assert ended.code == 2, ended
    assert "pip could not fetch demo-model==2.0" in ended.stderr
    assert not project.target.exists()
    assert wheels.is_dir()


def test_a_fresh_clone_restores_from_the_lock(
    project: Project, wheels: Path, tmp_path: Path
) -> None:
    project.stage("package:demo-model==1.0:demo_model/weights", HANDLE)
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "inputs.lock").write_bytes((project.folder / "inputs.lock").read_bytes())
    for said in ("Restored", "Unchanged"):
        ended = harness("stage", "--locked", cwd=clone, extra=project.extra)
        assert ended.code == 0, ended
        assert ended.stdout.startswith(f"{said}: {HANDLE}")
    assert harness("stage", "--quiet", cwd=clone, extra=project.extra).stdout == ""
    assert wheels.is_dir()


def test_differences_are_listed_and_locked_fails(project: Project) -> None:
    project.stage(project.big_source(), HANDLE)
    (project.target / "config.json").write_text('{"a": 1}')
    listed = project.stage()
    assert listed.code == 0, listed
    assert "config.json has 8 bytes, the lock says 2" in listed.stdout
    refused = project.stage("--locked")
    assert refused.code == 2, refused
    assert "config.json has 8 bytes, the lock says 2" in refused.stderr


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (signal.SIGTERM, 130)],
)
def test_an_interruption_leaves_nothing_that_looks_whole(
    number: signal.Signals, code: int, project: Project
) -> None:
    source = project.big_source()
    process = project.start(source, HANDLE)
    growing = project.target.with_name(".1.partial") / "weights.bin"
    end = time.monotonic() + 30
    while not growing.exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code, said
    assert not project.target.exists()
    assert not (project.folder / "inputs.lock").exists()
    if number is not signal.SIGKILL:
        assert not growing.parent.exists()
    again = project.stage(source, HANDLE)
    assert again.code == 0, again
    assert project.beside() == ["1"]
    assert sorted(each.name for each in project.target.parent.iterdir()) == ["1"]


def test_two_at_once_both_succeed(project: Project) -> None:
    source = project.big_source()
    both = [project.start(source, HANDLE) for _ in range(2)]
    for each in both:
        _, said = each.communicate(timeout=120)
        assert each.returncode == 0, said
    assert sorted(each.name for each in project.target.parent.iterdir()) == ["1"]
    assert project.stage("--locked", "--rehash").code == 0


def test_a_large_input_is_checked_in_milliseconds(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project.stage(project.big_source(), HANDLE).code == 0
    monkeypatch.setenv("XDG_CACHE_HOME", project.extra["XDG_CACHE_HOME"])
    start = time.perf_counter()
    (found,) = ensure(project.inputs, project.folder / "inputs.lock")
    seconds = time.perf_counter() - start
    assert found.state == "unchanged"
    assert seconds < 0.1  # reading it would take some 200 ms


def test_the_repositorys_own_inputs_are_what_the_lock_says() -> None:
    ended = harness("stage", "--locked", "--rehash", cwd=ROOT)
    assert ended.code == 0, ended
    assert "all-minilm-l6-v2/transformers/default/1: 13 files, 87.4 MiB" in ended.stdout
