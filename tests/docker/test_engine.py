"""What the engine promises, in real containers; the suite for both engines is tests/contract."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from harness.engine.docker.engine import DockerEngine
from harness.errors import EngineError, PrerequisiteError
from harness.events import CellFinished, CellStarted, RunnerFinished, RunnerStarted
from harness.result import Enforcement
from harness.spec import AttachedSource, SourceKind
from tests.docker.conftest import (
    folders_in,
    make_spec,
    own_containers,
    own_uid,
    write_notebook,
)

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("nothing_left")]


def printed(ran):
    """What the cells printed, from the notebook that the runner saved."""
    notebook = json.loads((ran.runner / "__notebook__.ipynb").read_text())
    return "".join(
        "".join(output.get("text", ()))
        for cell in notebook["cells"]
        for output in cell["outputs"]
        if output["output_type"] == "stream"
    )


def test_a_pass(run):
    ran = run("open('submission.csv', 'w').write('id,x\\n1,2\\n')", "print('there')")
    assert isinstance(ran.events[-1], RunnerFinished)
    assert ran.events[-1].status == "completed"
    assert ran.facts.exit_code == 0
    assert not ran.facts.hard_stopped
    assert (ran.output / "submission.csv").read_text() == "id,x\n1,2\n"
    assert (ran.output / "__notebook__.ipynb").exists()
    assert printed(ran) == "there\n"
    assert (ran.runner / "log.json").exists()


def test_files_are_plain_and_the_callers(run):
    ran = run(
        "import os; os.makedirs('deep/er'); open('deep/er/f', 'w').write('x')\n"
        "os.chmod('deep/er/f', 0o6777); os.symlink('/etc/passwd', 'link'); os.mkfifo('pipe')"
    )
    path = ran.output / "deep/er/f"
    assert path.stat().st_uid == own_uid()
    assert path.stat().st_mode & 0o7777 == 0o644
    assert not (ran.output / "link").is_symlink()
    assert not (ran.output / "pipe").exists()
    assert "'link' is a symbolic link" in ran.facts.stderr_tail


def test_limits_are_read_back(run):
    ran = run("pass")
    rows = {each.name: each for each in ran.facts.limits}
    assert rows.keys() == {
        *("wall_time", "memory", "cpus", "disk", "shm", "processes", "network", "inputs")
    }
    assert rows["memory"].how is Enforcement.ENFORCED
    assert rows["processes"].how is Enforcement.ENFORCED
    assert rows["cpus"].how is Enforcement.ENFORCED
    assert rows["disk"].how is Enforcement.WATCHED


def test_the_session_inside(run):
    ran = run(
        "import os, socket, pathlib\n"
        "print(os.getcwd(), os.getuid(), socket.gethostname(), len(os.sched_getaffinity(0)))\n"
        "print(sorted(os.listdir('/sys/class/net')))\n"
        "print(pathlib.Path('/etc/resolv.conf').read_text().split())\n"
        "print(os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize)\n"
        "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('Cap')])\n"
        "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')])"
    )
    lines = printed(ran).splitlines()
    assert lines[0] == "/kaggle/working 0 localhost 1"
    assert lines[1] == "['lo']"
    assert lines[2] == "['nameserver', '127.0.0.1', 'options', 'timeout:1', 'attempts:1']"
    assert lines[3] == str(2**26)
    assert set(json.loads(lines[4].replace("'", '"'))) == {"0" * 16}
    assert lines[5] == "['1']"


def test_nothing_of_the_hosts_environment(run, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    ran = run("import os, json; print(json.dumps(sorted(os.environ)))")
    names = set(json.loads(printed(ran)))
    assert "SECRET_OF_THE_HOST" not in names
    assert {"KAGGLE_KERNEL_RUN_TYPE", "PYTHONPATH", "HOME"} <= names


def test_sources_are_read_only_and_alone(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.csv").write_text("a\n")
    source.chmod(0o755)
    notebook = write_notebook(
        tmp_path,
        "import os\n"
        "print(open('../input/datasets/me/data/train.csv').read().strip())\n"
        "print(os.listdir('/kaggle/input'), os.listdir('/kaggle/input/datasets'))\n"
        "for path in ('/kaggle/input/new', '/kaggle/input/datasets/me/data/new'):\n"
        "    try: open(path, 'w')\n"
        "    except OSError as error: print(error.errno)",
    )
    spec = replace(
        make_spec(notebook, tmp_path),
        sources=(
            AttachedSource(
                kind=SourceKind.DATASET,
                handle="me/data",
                path=source,
                mount=PurePosixPath("/kaggle/input/datasets/me/data"),
            ),
        ),
    )
    folders = folders_in(tmp_path / "run")
    DockerEngine().run(spec, folders, lambda _: None)
    notebook = json.loads((folders.runner / "__notebook__.ipynb").read_text())
    assert "".join(notebook["cells"][0]["outputs"][0]["text"]).splitlines() == [
        "a",
        "['datasets'] ['me']",
        "30",
        "30",
    ]


def test_the_notebook_cannot_reach_the_runner(run):
    ran = run(
        "import os\n"
        "for path in ('/harness/job.json', '/harness/lib/harness/events.py', '/harness/new',\n"
        "             '/harness/out/x'):\n"
        "    try: open(path, 'a'); print(path)\n"
        "    except OSError as error: pass\n"
        "inner = [os.path.join(top, name) for top, folders, files in os.walk('/harness')\n"
        "         for name in folders + files]\n"
        "for path in ('/harness', '/kaggle/working', *inner):\n"
        "    try: os.rename(path, '/elsewhere'); print(path)\n"
        "    except OSError as error: pass\n"
        "for pid in (int(p) for p in os.listdir('/proc') if p.isdigit()):\n"
        "    runner = b'inside/main.py' in open(f'/proc/{pid}/cmdline', 'rb').read()\n"
        "    if runner and pid != 1:\n"
        "        try: os.kill(pid, 9); print('killed', pid)\n"
        "        except PermissionError: print('cannot')\n"
    )
    assert set(printed(ran).split()) == {"cannot"}
    assert ran.events[-1].status == "completed"


def test_signals_to_the_first_process_change_nothing(run):
    ran = run(
        "import os, signal\n"
        "for number in signal.valid_signals() - {signal.SIGCHLD}:\n"
        "    os.kill(1, number)",
        "import time; time.sleep(0.5)",
        "1 / 0",
    )
    assert ran.events[-1].status == "failed"
    assert ran.events[-1].error_name == "ZeroDivisionError"
    assert ran.events[-1].cell == 2


def test_memory_beyond_the_limit(run):
    ran = run("x = b'x' * (3 * 2**30)", memory_bytes=2**29)
    assert ran.events[-1].status in ("failed", "stopped")
    assert ran.facts.memory_kills
    assert ran.facts.memory_peak_bytes <= 2**29


def test_soft_stop(run):
    ran = run("import time; time.sleep(600)", wall_time_s=4.0)
    assert ran.events[-1].status == "stopped"
    assert not ran.facts.hard_stopped
    assert 4.0 <= ran.facts.wall_time_s < 30


@pytest.mark.root
def test_hard_stop_of_a_runner_that_hangs(run, connection, monkeypatch):
    """The host's own clock, when the runner does not answer any more: its files still come out."""
    monkeypatch.setattr("harness.engine.docker.session._MARGIN_S", 0.5)

    def freeze(event):
        if isinstance(event, CellStarted) and event.cell == 1:
            (container,) = own_containers(connection)
            for process in connection.api.top(container["Id"])["Processes"]:
                if "inside/main.py" in " ".join(process) and "docker-init" not in " ".join(process):
                    os.kill(int(process[1]), signal.SIGSTOP)

    ran = run(
        "open('early.csv', 'w').write('kept')",
        "import time; time.sleep(600)",
        on_event=freeze,
        wall_time_s=6.0,
        grace_s=1.0,
    )
    assert ran.facts.hard_stopped
    assert (ran.output / "early.csv").read_text() == "kept"
    assert not isinstance(ran.events[-1], RunnerFinished)
    assert 7 <= ran.facts.wall_time_s < 60


def test_a_runner_that_never_speaks_is_no_fault_of_the_notebook(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.engine.docker.session._START_S", 1.0)
    monkeypatch.setattr("harness.engine.docker.create.runner_command", lambda _: ("sleep", "600"))
    spec = make_spec(write_notebook(tmp_path, "pass"), tmp_path)
    with pytest.raises(EngineError) as caught:
        DockerEngine().run(spec, folders_in(tmp_path / "run"), lambda _: None)
    assert "said nothing" in caught.value.problem


def test_an_image_without_setpriv_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "harness.engine.docker.create.runner_command", lambda _: ("setpriv-missing", "x")
    )
    spec = make_spec(write_notebook(tmp_path, "pass"), tmp_path)
    with pytest.raises(PrerequisiteError) as caught:
        DockerEngine().run(spec, folders_in(tmp_path / "run"), lambda _: None)
    assert "make image" in caught.value.fix


def test_image_that_is_not_there(tmp_path):
    spec = replace(
        make_spec(write_notebook(tmp_path, "pass"), tmp_path), image="kaggle-harness:no-such"
    )
    for call in (
        DockerEngine().check,
        lambda spec: DockerEngine().run(spec, folders_in(tmp_path / "run"), lambda _: None),
    ):
        with pytest.raises(PrerequisiteError) as caught:
            call(spec)
        assert "never pulls" in caught.value.problem
        assert "make image" in caught.value.fix


def test_a_source_that_is_shut_to_others(tmp_path):
    source = tmp_path / "shut"
    source.mkdir()
    if own_uid() == 0:
        os.chown(source, 1000, 1000)
    source.chmod(0o700)
    attached = AttachedSource(
        kind=SourceKind.DATASET,
        handle="me/data",
        path=source,
        mount=PurePosixPath("/kaggle/input/datasets/me/data"),
    )
    spec = replace(make_spec(write_notebook(tmp_path, "pass"), tmp_path), sources=(attached,))
    with pytest.raises(PrerequisiteError) as caught:
        DockerEngine().check(spec)
    assert "chmod" in caught.value.fix


@pytest.mark.parametrize("stop_at", [RunnerStarted, CellStarted, CellFinished])
def test_an_interrupt_leaves_nothing(run, stop_at):
    def interrupt(event):
        if isinstance(event, stop_at):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("import subprocess; subprocess.Popen(['sleep', '4711'])", on_event=interrupt)
    assert not any(b"4711" in cmdline(path) for path in Path("/proc").glob("[0-9]*"))


def cmdline(process):
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_plan_says_what_run_does(tmp_path):
    spec = make_spec(write_notebook(tmp_path, "pass"), tmp_path)
    plan = DockerEngine().plan(spec)
    assert plan.command[:2] == ["docker", "run"]
    assert ("(unnamed volume)", "/kaggle/working") in plan.mounts
    assert plan.environment["PATH"].startswith("/opt/mirror/bin:")
