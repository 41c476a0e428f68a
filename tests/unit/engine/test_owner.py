"""Whether the process behind a container still lives, and what counts as left over."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from harness.engine.docker import leftovers
from harness.engine.docker.create import OWNER_LABEL, RUN_LABEL
from harness.engine.owner import Owner, identity, state


@pytest.fixture
def proc(tmp_path):
    return make_proc(tmp_path, boot="b00t", namespace="pid:[1]")


def make_proc(folder, *, boot, namespace):
    (folder / "sys/kernel/random").mkdir(parents=True)
    (folder / "sys/kernel/random/boot_id").write_text(boot + "\n")
    (folder / "self/ns").mkdir(parents=True)
    (folder / "self/ns/pid").symlink_to(namespace)
    return folder


def add_process(proc, pid, *, start, name="python3", status="S"):
    (proc / str(pid)).mkdir(exist_ok=True)
    rest = " ".join([status, *("0" for _ in range(18)), str(start), "0", "0"])
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {rest}\n")


def test_a_living_owner(proc):
    add_process(proc, 42, start=1000)
    label = identity(proc, 42)
    assert label == "42:1000:b00t:pid:[1]"
    assert state(label, proc) is Owner.ALIVE


def test_a_name_with_brackets_and_spaces(proc):
    add_process(proc, 42, start=1000, name="a) (b c")
    assert state(identity(proc, 42), proc) is Owner.ALIVE


def test_gone(proc):
    add_process(proc, 42, start=1000)
    label = identity(proc, 42)
    (proc / "42/stat").unlink()
    assert state(label, proc) is Owner.DEAD


def test_its_number_is_another_process_now(proc):
    add_process(proc, 42, start=1000)
    label = identity(proc, 42)
    add_process(proc, 42, start=2000)
    assert state(label, proc) is Owner.DEAD


def test_a_zombie_owns_nothing(proc):
    add_process(proc, 42, start=1000)
    label = identity(proc, 42)
    add_process(proc, 42, start=1000, status="Z")
    assert state(label, proc) is Owner.DEAD


@pytest.mark.parametrize(("boot", "namespace"), [("0ther", "pid:[1]"), ("b00t", "pid:[2]")])
def test_another_boot_or_another_namespace_cannot_be_told(tmp_path, boot, namespace):
    here = make_proc(tmp_path / "here", boot="b00t", namespace="pid:[1]")
    there = make_proc(tmp_path / "there", boot=boot, namespace=namespace)
    add_process(there, 42, start=1000)
    assert state(identity(there, 42), here) is Owner.UNKNOWN


@pytest.mark.parametrize("label", ["", "x", "42", "42:", "42::b00t:pid:[1]", ":::"])
def test_labels_of_nobody(proc, label):
    assert state(label, proc) is Owner.UNKNOWN


class TestLeftovers:
    """Which of the engine's containers count."""

    @pytest.fixture
    def find(self, monkeypatch):
        def find(owner, *, status="running", age=timedelta(hours=1)):
            monkeypatch.setattr(leftovers, "state", lambda _: owner)
            container = {
                "Id": "1",
                "Names": ["/kaggle-harness-1"],
                "State": status,
                "Created": (datetime.now(UTC) - age).timestamp(),
                "Labels": {RUN_LABEL: "1", OWNER_LABEL: "whoever"},
            }
            asked = []

            def containers(**arguments):
                asked.append(arguments)
                return [container]

            def volumes(**arguments):
                asked.append(arguments)
                return {"Volumes": [{"Name": "v" * 64, "Labels": container["Labels"]}]}

            api = SimpleNamespace(containers=containers, volumes=volumes)
            found = leftovers.find_leftovers(SimpleNamespace(api=api))
            assert asked == [
                {"all": True, "filters": {"label": RUN_LABEL}},
                {"filters": {"label": RUN_LABEL, "dangling": True}},
            ]
            return [each.name for each in found]

        return find

    def test_of_a_dead_owner(self, find):
        assert find(Owner.DEAD) == ["kaggle-harness-1", "v" * 12]

    def test_of_a_living_owner(self, find):
        assert find(Owner.ALIVE, status="exited") == []

    def test_of_an_unknown_owner_that_runs(self, find):
        assert find(Owner.UNKNOWN) == []

    def test_of_an_unknown_owner_that_never_started(self, find):
        assert find(Owner.UNKNOWN, status="created") == ["kaggle-harness-1"]

    def test_of_an_unknown_owner_that_may_be_about_to_start(self, find):
        assert find(Owner.UNKNOWN, status="created", age=timedelta(seconds=3)) == []
