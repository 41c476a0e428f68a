"""An engine that is killed in the middle of a run: one of the test's own, nothing shared."""

import gc
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.docker.client import connect
from harness.engine.docker.engine import DockerEngine
from harness.errors import EngineError, HarnessError
from harness.events import CellStarted
from tests.docker.conftest import folders_in, make_spec, write_notebook

pytestmark = [
    pytest.mark.docker,
    pytest.mark.root,
    pytest.mark.timeout(280),
    # The SDK drops a socket that finds nobody without closing it.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

IMAGE = "kaggle-harness-test:small"
MARK = "47110815"
CELL_STARTED = '{"event": "cell_started", "time_s": 0.1, "cell": 0}'
# A runner in a shell: it speaks, starts something, and leaves with it when its input ends.
RUNNER = f"echo '{CELL_STARTED}'; sleep {MARK} & cat; kill $!"


class Engine:
    """A dockerd of its own: data, sockets, pid file, and no bridge."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {"HOME": "/nonexistent", "DOCKER_HOST": f"unix://{folder}/docker.sock"}
        self._process = None

    def start(self):
        options = {
            "data-root": self.folder / "data",
            "exec-root": self.folder / "exec",
            "pidfile": self.folder / "docker.pid",
            "host": self.environment["DOCKER_HOST"],
            "bridge": "none",
            "iptables": "false",
            "containerd-namespace": "kaggle-harness-test",
        }
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # In a network namespace of its own: without a bridge dockerd removes docker0, and
                # that is the other engine's.
                [
                    "unshare",
                    "--net",
                    "dockerd",
                    *(f"--{name}={value}" for name, value in options.items()),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                return connect(self.environment)
            except HarnessError:
                log = (self.folder / "log").read_text(errors="replace")[-2000:]
                assert self._process.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(0.2)

    def kill(self):
        """As the kernel's memory killer would: the engine alone, not what it started."""
        self._process.kill()
        self._process.wait()
        wait_until_gone(f"containerd --config {self.folder}")  # it dies with dockerd
        for path in (self.folder / "exec/containerd").glob("containerd.*"):
            if path.suffix in (".pid", ".sock"):
                path.unlink()  # the next dockerd would wait for the one named there

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)


def processes(word):
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in words and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def end_containerd(folder):
    """The containerd that our dockerd started ends with it, unless it was killed."""
    for pid in processes(str(folder)):
        os.kill(pid, signal.SIGTERM)


def remove(folder):
    """Remove what an engine that was killed has left mounted, and its folder."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    for place in sorted((line.split()[1] for line in mounts), reverse=True):
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", place], check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = Path("/run") / f"kaggle-harness-test-{os.getpid()}"  # a socket's path has to be short
    folder.mkdir(mode=0o700)
    engine = Engine(folder)
    try:
        tar = tmp_path_factory.mktemp("image") / "root.tar"
        write_small_image(tar)
        engine.start().api.import_image_from_file(str(tar), *IMAGE.split(":"))
        yield engine
    finally:
        engine.stop()
        end_containerd(folder)
        remove(folder)


def write_small_image(target):
    """A shell, three programs and their libraries, from this machine: 5 MB in place of 2 GB."""
    files = {}
    for program in ("sh", "cat", "sleep"):
        path = Path(shutil.which(program)).resolve()
        files[f"bin/{program}"] = path
        listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True)
        for library in re.findall(r"(/\S+) \(0x", listed.stdout):
            files[library.lstrip("/")] = Path(library).resolve()
    with tarfile.open(target, "w") as tar:
        for name, path in files.items():
            tar.add(path, name)


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "harness.engine.docker.create.runner_command", lambda _: ("sh", "-c", RUNNER)
    )
    return replace(make_spec(write_notebook(tmp_path, "pass"), tmp_path), image=IMAGE)


def run(engine, spec, folder, on_event):
    """Run, and tell the error and how long it took from the event."""
    moment = []

    def note(event):
        if isinstance(event, CellStarted):
            moment.append(time.monotonic())
            on_event()

    folders = folders_in(folder)
    with pytest.raises(EngineError) as caught:
        DockerEngine(engine.environment).run(spec, folders, note)
    assert moment, caught.value
    assert list(folders.scratch.iterdir()) == []
    return caught.value, time.monotonic() - moment[0]


def wait_until_gone(word, seconds=15):
    deadline = time.monotonic() + seconds
    while left := processes(word):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_killed_in_the_middle(engine, spec, tmp_path):
    error, seconds = run(engine, spec, tmp_path / "run", engine.kill)
    assert "went away" in error.problem
    assert "harness doctor" in error.fix
    assert seconds < 10
    # A killed engine leaves its containers running: root ends the processes itself, at once.
    wait_until_gone(f"sleep {MARK}")
    api = engine.start().api
    deadline = time.monotonic() + 15
    while left := api.containers(all=True):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
    gc.collect()  # what the SDK dropped is found here, where it is expected
