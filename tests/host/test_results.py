"""Results on disk and on standard output: several notebooks, `latest`, whose files they are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT, command, environment
from tests.host.conftest import Place

WRITES = "open('answer.txt', 'w').write('42')"


def test_several_in_one_call(place: Place, engine: str):
    passing, failing = place.notebook("passing", WRITES), place.notebook("failing", "1 / 0")
    ended = place.verify(passing, failing, "--engine", engine, "--format", "json")
    assert ended.code == 1
    runs = ended.report["runs"]
    assert [Path(run["notebook"]).name for run in runs] == ["passing.ipynb", "failing.ipynb"]
    assert [run["passed"] for run in runs] == [True, False]
    assert len(list(place.runs.glob("*/report.json"))) == 2 + 1  # `latest` is one more way in


def test_several_side_by_side_keep_their_order(place: Place, engine: str):
    names = ["slow", "quick", "failing", "quick2"]
    bodies = ["import time; time.sleep(2)", "1", "1 / 0", "2"]
    notebooks = [place.notebook(*pair) for pair in zip(names, bodies, strict=True)]
    ended = place.verify(
        *notebooks, "-j", "2", "--memory", "500MiB", "--engine", engine, "--format", "json"
    )
    assert ended.code == 1
    runs = ended.report["runs"]
    assert [Path(run["notebook"]).stem for run in runs] == names
    assert [run["passed"] for run in runs] == [True, True, False, True]


def test_the_same_notebook_twice_at_a_time(place: Place, engine: str):
    """Two runs in one second and under one name do not share a folder."""
    notebook = place.notebook("twin", WRITES)
    ended = place.verify(
        *(notebook, notebook, "-j", "2", "--memory", "500MiB"),
        *("--engine", engine, "--format", "json"),
    )
    assert ended.code == 0, ended
    folders = [path for path in place.runs.iterdir() if not path.is_symlink()]
    assert len(folders) == 2
    assert all((folder / "output" / "answer.txt").read_text() == "42" for folder in folders)


def test_latest_is_the_newest(place: Place, engine: str):
    first = place.verify(place.notebook("first", WRITES), "--engine", engine)
    assert first.code == 0, first
    second = place.verify(place.notebook("second", "1 / 0"), "--engine", engine)
    assert second.code == 1, second
    latest = place.runs / "latest"
    assert latest.is_symlink()
    assert not latest.readlink().is_absolute()
    assert latest.resolve().name.endswith("second")
    for name in ("report.json", "__notebook__.ipynb", "__results__.html", "log.json"):
        assert (latest / name).is_file(), name


def test_files_belong_to_the_caller(place: Place, engine: str):
    hostile = """
        import os

        os.mkdir("closed")
        open("closed/file", "w").close()
        os.chmod("closed", 0)
        open("program", "w").close()
        os.chmod("program", 0o4777)
        os.umask(0)
        open("open", "w").close()
    """
    ended = place.verify(place.notebook("files", hostile), "--engine", engine)
    assert ended.code == 0, ended
    for path in place.runs.rglob("*"):
        found = path.lstat()
        assert (found.st_uid, found.st_gid) == (os.getuid(), os.getgid()), path
        if not path.is_symlink():
            assert not found.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH), path
            assert found.st_mode & stat.S_IRUSR, path


def test_run_folder_can_be_removed_by_its_owner(place: Place, engine: str):
    deep = "import os\nos.makedirs('/'.join(['d'] * 200))\nos.chmod('d', 0)"
    assert place.verify(place.notebook("deep", deep), "--engine", engine).code == 0
    assert subprocess.run(["rm", "-r", str(place.runs)], check=False).returncode == 0


def test_host_file_system_is_untouched(place: Place, engine: str):
    """Every place that a notebook may think of: nothing of it is on the machine afterwards."""
    writes = """
        import os

        for folder in ("/", "/tmp", "/var/tmp", "/root", "/usr", "/etc", "/opt", "/kaggle", "/home",
                       "/dev/shm", "/mnt", "/srv", "/run", "/opt/mirror", "/usr/local/lib"):
            try:
                open(os.path.join(folder, "trace-WORD"), "w").close()
            except OSError:
                pass
    """
    ended = place.verify(place.notebook("writes", writes), "--engine", engine)
    assert ended.code == 0, ended
    mirror = place.extra.get("HARNESS_MIRROR")
    folders = ["/", "/tmp", "/var/tmp", "/usr", "/etc", "/opt", "/home", "/dev/shm", "/mnt", "/srv"]
    for folder in [*folders, *([mirror] if mirror else [])]:
        assert not Path(folder, f"trace-{place.word}").exists(), folder


@pytest.mark.root
@pytest.mark.parametrize("size", ["1m", "40m"])
def test_full_disk_of_the_host(place: Place, engine: str, size: str):
    """A disk that is full is this machine's fault: no verdict blames the notebook for it."""
    notebook = place.notebook(
        "big", "with open('big.bin', 'wb') as f:\n    f.write(bytes(200 * 2**20))"
    )
    script = f'mount -t tmpfs -o size={size} none "$1" && shift && exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", script, "sh", str(place.runs)),
            *command(*place.arguments(notebook, "--engine", engine, "--format", "json")),
        ],
        cwd=place.folder,
        env=environment(place.extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 3, (done.stdout.decode(), said)
    assert "Traceback" not in said
    assert "space" in said + done.stdout.decode()
    assert place.left() == {}


def test_module_and_program_are_the_same(place: Place):
    """`python -m harness.cli.main` is what the installed `harness` calls."""
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli.main import main; raise SystemExit(main())", "-h"],
        cwd=place.folder,
        env=environment(place.extra) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert b"verify" in done.stdout
