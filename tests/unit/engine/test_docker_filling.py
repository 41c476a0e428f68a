"""The files that a container starts with, and to whom they belong."""

import io
import json
import tarfile

from harness.engine.docker.filling import archive, package_files


def entries(job=None, notebook=b"{}"):
    with tarfile.open(fileobj=io.BytesIO(archive(job or {}, notebook))) as tar:
        return {
            member.name: (member, None if member.isdir() else tar.extractfile(member).read())
            for member in tar
        }


def test_all_of_the_runners_folder_is_the_runners():
    for name, (member, _) in entries().items():
        expected = 990 if name.split("/")[0] == "harness" else 0
        assert (member.uid, member.gid) == (expected, expected), name


def test_what_the_runner_writes_is_shut_to_others():
    assert entries()["harness/out"][0].mode == 0o700


def test_nobody_else_may_write_anywhere():
    for name, (member, _) in entries().items():
        assert member.mode & 0o022 == 0, name
        assert member.isfile() or member.isdir()


def test_the_notebook_is_there_twice():
    found = entries(notebook=b"\xff not a notebook")
    assert found["harness/notebook.ipynb"][1] == b"\xff not a notebook"
    assert found["kaggle/working/__notebook__.ipynb"][1] == b"\xff not a notebook"
    assert found["kaggle/working/__notebook__.ipynb"][0].uid == 0


def test_the_job():
    assert json.loads(entries({"wall_time_s": 1.5})["harness/job.json"][1]) == {"wall_time_s": 1.5}


def test_the_package_is_what_the_runner_needs_and_no_more():
    names = {str(target) for _, target in package_files()}
    assert "/harness/lib/harness/inside/main.py" in names
    assert "/harness/lib/harness/events.py" in names
    assert "/harness/lib/harness/__init__.py" in names
    assert not any("__pycache__" in name for name in names)
    assert not any("engine" in name for name in names)


def test_parents_come_before_children():
    seen = set()
    for name in entries():
        parent = name.rpartition("/")[0]
        if parent.startswith("harness"):
            assert parent in seen, name  # else the unpacking makes it up, and it is root's
        seen.add(name)
