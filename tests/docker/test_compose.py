"""compose.yaml is held to the container that the engine really creates, and it works."""

import contextlib
import json
import socket
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.engine import SLIM_IMAGE
from harness.engine.docker.client import find_image
from harness.engine.docker.create import Placement, container_config
from harness.kaggle.environment import session_environment
from harness.kaggle.profiles import PROFILES
from tests.docker.compose import ROOT, create_request, services
from tests.docker.conftest import make_spec, notebook_text, write_notebook

CPU = PROFILES["cpu"]
SMALL = {"CPUS": "1", "CPUSET": "0", "MEMORY_BYTES": str(2**30), "SHM_BYTES": str(2**26)}

# What may differ between the engine's container and the service `verify`, and why.
DIFFERENCES = {
    "Config": {
        "Labels": "compose's own labels in place of ours",
        "Env": "the variables reach the kernel through the container, not through a job file",
        "Cmd": "alone.py starts the runner",
        "Entrypoint": "alone.py starts the runner",
        "OpenStdin": "no harness holds the input open; alone.py does",
        "StdinOnce": "as OpenStdin",
        "AttachStdin": "as OpenStdin",
        "AttachStdout": "compose attaches later",
        "AttachStderr": "compose attaches later",
    },
    "HostConfig": {
        "AutoRemove": "the files are copied out afterwards",
        "LogConfig": "`docker compose logs` shows the run",
        "Mounts": "whole inputs/ rather than what is attached; the runner from the clone",
        "Tmpfs": "/harness, which the engine fills through its API",
        "Binds": "compose's other way to mount",
    },
}
# Of the engine's making, different for any two containers.
OWN = {"Hostname", "ContainerIDFile", "Image"}


def test_the_numbers_are_those_of_the_cpu_profile():
    verify = services()["verify"]
    assert int(verify["mem_limit"]) == int(verify["memswap_limit"]) == CPU.memory_bytes
    assert int(verify["shm_size"]) == CPU.shm_bytes
    assert float(verify["cpus"]) == CPU.cpus
    assert len(verify["cpuset"].split(",")) == CPU.cpus
    command = dict(zip(verify["command"][1::2], verify["command"][2::2], strict=True))
    assert float(command["--wall-time-s"]) == CPU.wall_time_s
    assert int(command["--memory-bytes"]) == CPU.memory_bytes
    assert int(command["--disk-bytes"]) == CPU.disk_bytes


def test_the_environment_is_the_sessions():
    given = dict(services()["verify"]["environment"])
    assert given.pop("NVIDIA_VISIBLE_DEVICES") == "void"
    assert given == session_environment(gpus=0)


@pytest.mark.parametrize("name", ["verify", "lab"])
def test_no_network_and_no_powers(name):
    service = services()[name]
    assert service["network_mode"] == "none"
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges" in service["security_opt"]
    assert "ports" not in service
    inputs = [each for each in service["volumes"] if each["target"] == "/kaggle/input"]
    assert [each["read_only"] for each in inputs] == [True]


def test_the_lab_is_published_on_this_machine_alone():
    published = {
        name: service["ports"] for name, service in services().items() if "ports" in service
    }
    assert published == {"door": ["127.0.0.1:8888:8888"]}


def test_nothing_but_stage_and_door_has_a_network():
    open_ones = {
        name for name, service in services().items() if service.get("network_mode") != "none"
    }
    assert open_ones == {"stage", "door"}


def test_no_service_gets_the_engines_socket():
    assert "docker.sock" not in (ROOT / "compose.yaml").read_text(encoding="utf-8")


def test_files_that_compose_mounts_are_there():
    for name, service in services().items():
        for volume in service["volumes"]:
            if volume["type"] == "bind" and volume["source"].startswith("./harness"):
                assert (ROOT / volume["source"]).exists(), (name, volume)


@pytest.fixture
def volume(connection):
    """A named volume; asked for before `create`, so that it goes after the containers."""
    name = connection.api.create_volume()["Name"]
    yield name
    connection.api.remove_volume(name)


@pytest.fixture
def create(connection):
    """Create a container from a request, and remove it after the test."""
    made = []

    def create(request):
        identity = connection.api.create_container_from_config(request)["Id"]
        made.append(identity)
        return identity

    yield create
    for identity in made:
        connection.api.remove_container(identity, force=True, v=True)


@pytest.mark.docker
def test_verify_is_the_container_of_the_engine(connection, create, tmp_path):
    spec = make_spec(write_notebook(tmp_path, "pass"), tmp_path)
    limits = replace(spec.limits, memory_bytes=2**30, cpus=1, shm_bytes=2**26, processes=4096)
    placement = Placement(run="x", owner="x", cores=(0,), inputs=tmp_path)
    image = find_image(connection, SLIM_IMAGE)
    ours = container_config(replace(spec, limits=limits), image, placement)
    verify = services({**SMALL, "NOTEBOOK": "pyproject.toml"})["verify"]
    left = connection.api.inspect_container(create(ours))
    right = connection.api.inspect_container(create(create_request(present(verify), {})))
    for part, allowed in DIFFERENCES.items():
        names = (left[part].keys() | right[part].keys()) - allowed.keys() - OWN
        different = {
            name: (left[part].get(name), right[part].get(name))
            for name in names
            if left[part].get(name) != right[part].get(name)
        }
        assert different == {}, part


def present(service):
    """The service without the mounts of folders that this clone does not have yet."""
    volumes = [
        each
        for each in service["volumes"]
        if each["type"] == "volume" or (ROOT / each["source"]).exists()
    ]
    return {**service, "volumes": volumes}


@pytest.fixture
def notebook_in_clone():
    """A notebook below the clone: compose mounts nothing else."""
    made = []

    def write(*cells):
        path = ROOT / "notebooks" / f"of-a-test-{time.monotonic_ns()}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(notebook_text(*cells), encoding="utf-8")
        made.append(path)
        return path

    yield write
    for path in made:
        path.unlink()


@pytest.mark.docker
@pytest.mark.parametrize(("cell", "code"), [("open('x.csv', 'w').write('1')", 0), ("1 / 0", 1)])
def test_verify_runs(connection, create, notebook_in_clone, cell, code):
    notebook = notebook_in_clone(cell).relative_to(ROOT)
    verify = services({**SMALL, "NOTEBOOK": str(notebook)})["verify"]
    identity = create(create_request(present(verify), {}))
    connection.api.start(identity)
    ended = connection.api.wait(identity, timeout=120)
    log = connection.api.logs(identity).decode()
    assert ended["StatusCode"] == code, log
    assert json.loads(log.splitlines()[-1])["event"] == "runner_finished"
    stream, _ = connection.api.get_archive(identity, "/kaggle/working/__notebook__.ipynb")
    assert b'"execution_count": 1' in b"".join(stream)


@pytest.mark.docker
def test_the_notebook_cannot_change_the_runner_of_verify(connection, create, notebook_in_clone):
    notebook = notebook_in_clone(
        "import os\n"
        "paths = [os.path.join(top, name) for top, folders, files in os.walk('/harness')\n"
        "         for name in folders + files] + ['/harness']\n"
        "for path in paths:\n"
        "    try: os.rename(path, path + '-moved')\n"
        "    except OSError: continue\n"
        "    raise RuntimeError(path)\n"
        "try: open('/harness/lib/json.py', 'w')\n"
        "except OSError: pass\n"
        "else: raise RuntimeError('json.py')"
    ).relative_to(ROOT)
    verify = services({**SMALL, "NOTEBOOK": str(notebook)})["verify"]
    identity = create(create_request(present(verify), {}))
    connection.api.start(identity)
    ended = connection.api.wait(identity, timeout=120)
    assert ended["StatusCode"] == 0, connection.api.logs(identity).decode()


@pytest.mark.docker
def test_the_lab_answers_through_the_door_and_has_no_network(connection, volume, create):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = services({**SMALL, "LAB_TOKEN": "secret"})
    lab = create(create_request(present(found["lab"]), {"door": volume}))
    door_request = create_request(found["door"], {"door": volume})
    door_request["ExposedPorts"] = {"8888/tcp": {}}
    door_request["HostConfig"]["PortBindings"] = {
        "8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
    }
    door = create(door_request)
    connection.api.start(lab)
    connection.api.start(door)
    try:
        status = ask(f"http://127.0.0.1:{port}/api/status?token=secret")
    except AssertionError as error:
        logs = (connection.api.logs(lab) + connection.api.logs(door)).decode()
        raise AssertionError(logs) from error
    assert json.loads(status)["kernels"] == 0
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=10)
    with refused.value:
        assert refused.value.code == 403
    assert list(connection.api.inspect_container(lab)["NetworkSettings"]["Networks"]) == ["none"]


def ask(url):
    """The answer, once there is somebody who answers."""
    deadline = time.monotonic() + 60
    while True:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(url, timeout=10) as answer,  # noqa: S310 - http, by the test
        ):
            return answer.read()
        assert time.monotonic() < deadline, "nobody answers"
        time.sleep(0.3)


def test_the_door_is_the_standard_library_alone():
    text = (ROOT / "harness/engine/docker/door.py").read_text(encoding="utf-8")
    imported = {
        line.split()[1].split(".")[0]
        for line in text.splitlines()
        if line.startswith(("import ", "from ")) and "__future__" not in line
    }
    assert imported == {"asyncio", "sys", "pathlib"}
    assert Path(ROOT / "harness/engine/docker/door.py").stat().st_mode & 0o004
