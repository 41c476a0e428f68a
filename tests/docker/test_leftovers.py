"""What a killed harness leaves, and who removes it."""

import subprocess
import sys
import textwrap
import time

import pytest

from harness.engine.docker.create import NAME_PREFIX
from harness.engine.docker.engine import DockerEngine
from harness.engine.docker.leftovers import find_leftovers
from tests.docker.compose import ROOT
from tests.docker.conftest import folders_in, make_spec, write_notebook

pytestmark = pytest.mark.docker

START = """
    import sys
    from pathlib import Path
    from harness.engine.docker import lifecycle
    from harness.engine.docker.engine import DockerEngine
    from tests.docker.conftest import folders_in, make_spec

    def stop_there(self, *arguments):
        print("there", self._name, flush=True)
        sys.stdin.read()

    if sys.argv[3] != "running":
        setattr(lifecycle.Container, sys.argv[3], stop_there)

    def note(event):
        print("there", Path("/").name, flush=True) if event.kind == "cell_started" else None

    place = Path(sys.argv[2])
    DockerEngine().run(make_spec(Path(sys.argv[1]), place), folders_in(place / "run"), note)
"""


@pytest.fixture
def harness_at(tmp_path):
    """Start a run in another process and wait until it has come to a point."""
    notebook = write_notebook(tmp_path, "import time; time.sleep(600)")
    started = []

    def start(point):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(START), notebook, tmp_path, point],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        line = process.stdout.readline().split()
        assert line[:1] == [b"there"], line
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ours(connection, pid):
    """Containers of that process, by the owner's number in their label."""
    return [
        each
        for each in connection.api.containers(all=True)
        if each["Labels"].get("kaggle-harness.owner", "").startswith(f"{pid}:")
    ]


def test_killed_while_the_notebook_runs(harness_at, connection):
    """The runner notices the end of its input, so nothing is left to remove."""
    process = harness_at("running")
    assert len(ours(connection, process.pid)) == 1
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while left := ours(connection, process.pid):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.parametrize("point", ["inspect", "fill", "attach", "start"])
def test_killed_before_the_start(harness_at, connection, point):
    """A container that never started does not end by itself: the next run or doctor removes it."""
    process = harness_at(point)
    (container,) = ours(connection, process.pid)
    name = container["Names"][0].lstrip("/")
    assert name.startswith(NAME_PREFIX)
    assert name not in {each.name for each in find_leftovers(connection)}  # its owner lives
    process.kill()
    process.wait()
    assert name in {each.name for each in find_leftovers(connection)}
    assert name in DockerEngine().remove_leftovers()
    assert ours(connection, process.pid) == []
    assert name not in {each.name for each in find_leftovers(connection)}


def test_the_next_run_removes_what_is_left(harness_at, connection, tmp_path):
    process = harness_at("start")
    process.kill()
    process.wait()
    assert len(ours(connection, process.pid)) == 1
    spec = make_spec(write_notebook(tmp_path, "pass"), tmp_path)
    DockerEngine().run(spec, folders_in(tmp_path / "next"), lambda _: None)
    assert ours(connection, process.pid) == []


def test_somebody_removes_the_container_without_its_volumes(harness_at, connection):
    process = harness_at("running")
    (container,) = ours(connection, process.pid)
    volumes = {each["Name"] for each in container["Mounts"] if each["Type"] == "volume"}
    assert len(volumes) == 2
    connection.api.remove_container(container["Id"], force=True)
    process.communicate(timeout=60)
    left = {each["Name"] for each in connection.api.volumes()["Volumes"] or ()}
    assert not volumes & left
