import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import process
from harness.engine import mirror, mirror_build
from harness.errors import PrerequisiteError

TOP = Path(__file__).parents[3]
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?P<marker> ; [^\\]+?)? *\\?$", re.MULTILINE
)


def pins(name: str) -> set[tuple[str, ...]]:
    text = (TOP / name).read_text().replace('"', "'")
    return {
        (each["name"], each["version"], (each["marker"] or "").strip())
        for each in PIN.finditer(text)
    }


class Locks:
    """The lock files that the repository really has."""

    @pytest.fixture(
        params=[("mirror.in", mirror.PACKAGES_LOCK), ("mirror-cuda.in", mirror.CUDA_LOCK)]
    )
    def pair(self, request: pytest.FixtureRequest) -> tuple[str, str]:
        return request.param


class TestLocks(Locks):
    def test_the_lock_has_what_the_list_asks_for(self, pair: tuple[str, str]) -> None:
        assert len(pins(pair[0])) > 15
        assert pins(pair[0]) == pins(pair[1])

    def test_every_line_has_hashes_and_no_index(self, pair: tuple[str, str]) -> None:
        text = (TOP / pair[1]).read_text()
        plain = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
        entries = re.split(r"\n(?=[a-z0-9])", plain.strip())
        assert len(entries) == len(pins(pair[0]))
        assert all("--hash=sha256:" in each for each in entries)
        assert "://" not in text
        assert "index" not in plain

    def test_torch_admits_both_builds(self) -> None:
        cpu = re.findall(
            r"^# sha256:([0-9a-f]{64})$", (TOP / "mirror.in").read_text(), re.MULTILINE
        )
        entry = (
            (TOP / mirror.PACKAGES_LOCK).read_text().split("\ntorch==2.13.0 ")[1].split("\n\n")[0]
        )
        hashes = re.findall(r"sha256:([0-9a-f]{64})", entry.split("\ntornado")[0])
        assert len(cpu) == 1
        assert cpu[0] in hashes
        assert len(hashes) > 20


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(mirror.VARIABLE, raising=False)
    return tmp_path / "cache"


def make_environment(path: Path, *, torch_cuda: str = "None") -> None:
    """A folder with the files of a virtual environment that this code looks at."""
    (path / "bin").mkdir(parents=True, exist_ok=True)
    (path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    (path / "bin" / "python").symlink_to(shutil.which("true") or "/bin/true")
    (path / "bin" / "pip").write_text(f"#!{path}/bin/python\nprint(1)\n")
    (path / "bin" / "pip").chmod(0o700)
    (path / "bin" / "activate").write_text(f"VIRTUAL_ENV={path}\n")
    (path / "bin" / "tool").write_bytes(b"\x7fELF\0" + os.fsencode(path))
    torch = path / "lib" / "python3.11" / "site-packages" / "torch"
    torch.mkdir(parents=True, exist_ok=True)
    (torch / "version.py").write_text(f"cuda: Optional[str] = {torch_cuda}\nhip = None\n")


class Pip:
    """Stands in for python -m venv and pip: notes the calls, and fails where it is told to."""

    def __init__(self, *, fails: str = "", torch_cuda: str = "None") -> None:
        self.calls: list[str] = []
        self.fails = fails
        self.torch_cuda = torch_cuda
        self.torch_line = ""

    def streaming(self, command: list[str]) -> int:
        return self.run(command).code

    def run(self, command: list[object], **_: object) -> process.Completed:
        text = " ".join(map(str, command))
        self.calls.append(text)
        if text.endswith("torch-cpu.txt"):
            self.torch_line = Path(str(command[-1])).read_text()
        failed = bool(self.fails) and self.fails in text
        if " venv " in text and not failed:
            make_environment(Path(str(command[-1])), torch_cuda=self.torch_cuda)
        out = '["3.11.2", "2.13.0+cpu"]' if " -c " in text else ""
        return process.Completed(
            command=(text,), code=1 if failed else 0, stdout=out, stderr="why" if failed else ""
        )

    def called(self, word: str) -> bool:
        return any(word in each for each in self.calls)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pip]:
    def install(**options: str) -> Pip:
        it = Pip(**options)
        monkeypatch.setattr(mirror_build.process, "run", it.run)
        monkeypatch.setattr(mirror_build.process, "run_streaming", it.streaming)
        return it

    return install


def test_there_is_none_at_first(cache: Path) -> None:
    assert mirror.locate() is None
    assert mirror.place().parent == cache / "kaggle-harness" / "mirrors"


def test_it_is_made_once(cache: Path, pip: Callable[..., Pip]) -> None:
    it = pip()
    said: list[str] = []
    made = mirror.build(say=said.append)
    assert made == mirror.locate() == mirror.build()
    assert made.path == mirror.place()
    assert (made.python_version, made.torch_version, made.from_lock) == (
        "3.11.2",
        "2.13.0+cpu",
        True,
    )
    assert [each for each in it.calls if " venv " in each] == it.calls[:1]
    installs = [each for each in it.calls if " install " in each]
    assert [each.rpartition("/")[2] for each in installs] == ["torch-cpu.txt", "mirror.lock"]
    assert all("--require-hashes" in each and "--no-deps" in each for each in installs)
    assert any("2.0 GB" in each for each in said)
    assert it.torch_line.startswith("torch==2.13.0+cpu --hash=sha256:")
    assert (cache / "kaggle-harness" / "mirrors" / "CACHEDIR.TAG").is_file()


def test_scripts_are_made_fit_for_the_sandbox(pip: Callable[..., Pip]) -> None:
    pip()
    made = mirror.build()
    assert made.sandbox_bin == made.path / "sandbox-bin"
    scripts = made.sandbox_bin
    assert scripts is not None
    assert (scripts / "pip").read_text() == "#!/opt/mirror/bin/python\nprint(1)\n"
    assert stat.S_IMODE((scripts / "pip").stat().st_mode) == 0o755
    assert (scripts / "activate").read_text() == "VIRTUAL_ENV=/opt/mirror\n"
    assert os.fsencode(made.path) in (scripts / "tool").read_bytes()
    assert (scripts / "python").readlink() == (made.path / "bin" / "python").readlink()


def test_without_a_cpu_build_the_index_decides(pip: Callable[..., Pip]) -> None:
    it = pip(fails="torch-cpu.txt", torch_cuda="'13.0'")
    mirror.build()
    assert it.called("mirror-cuda.lock")


def test_a_cpu_build_needs_no_cuda_libraries(pip: Callable[..., Pip]) -> None:
    it = pip()
    mirror.build()
    assert not it.called("mirror-cuda.lock")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (" venv ", "virtual environment"),
        ("/mirror.lock", "pip could not fill"),
        (" check", "do not fit together"),
        (" -c ", "torch does not load"),
    ],
)
def test_a_failed_step_leaves_nothing(step: str, words: str, pip: Callable[..., Pip]) -> None:
    pip(fails=step)
    with pytest.raises(PrerequisiteError, match=words):
        mirror.build()
    assert mirror.locate() is None
    assert not mirror.place().exists()
    pip()
    assert mirror.build() == mirror.locate()


def test_what_a_killed_build_left_is_made_anew(pip: Callable[..., Pip]) -> None:
    pip()
    half = mirror.place()
    make_environment(half)
    (half / "leftover").write_text("")
    assert mirror.locate() is None
    made = mirror.build()
    assert made.path == half
    assert not (half / "leftover").exists()


def test_an_interpreter_that_is_gone_is_no_mirror(pip: Callable[..., Pip]) -> None:
    pip()
    made = mirror.build()
    made.python.unlink()
    made.python.symlink_to("/gone/python3")
    assert mirror.locate() is None


def test_another_lock_gets_another_mirror(
    pip: Callable[..., Pip], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pip()
    first = mirror.build()
    for name in (mirror.PACKAGES_LOCK, mirror.CUDA_LOCK):
        (tmp_path / name).write_text("other")
    monkeypatch.setattr(mirror, "lock_folder", lambda: tmp_path)
    assert mirror.locate() is None
    second = mirror.build()
    assert second.path != first.path
    assert mirror.older() == (first.path,)


def test_no_room_is_told_before_anything_is_made(
    pip: Callable[..., Pip], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = pip()
    monkeypatch.setattr(mirror_build, "_MIRROR_BYTES", 10**18)
    with pytest.raises(PrerequisiteError, match="needs"):
        mirror.build()
    assert it.calls == []


def test_an_unsupported_python(pip: Callable[..., Pip], monkeypatch: pytest.MonkeyPatch) -> None:
    it = pip()
    monkeypatch.setattr(mirror_build, "_FIRST_TOO_NEW", (3, 11))
    with pytest.raises(PrerequisiteError, match=r"3\.11 to 3\.13"):
        mirror.build()
    assert it.calls == []


class TestNamedByTheUser:
    def test_a_place_of_its_own(self, pip: Callable[..., Pip], tmp_path: Path) -> None:
        pip()
        named = {mirror.VARIABLE: str(tmp_path / "disk" / "mirror")}
        assert mirror.locate(named) is None
        assert mirror.build(environment=named).path == tmp_path / "disk" / "mirror"
        assert mirror.locate(named) is not None
        assert mirror.locate() is None

    def test_any_environment(self, pip: Callable[..., Pip], tmp_path: Path) -> None:
        it = pip()
        make_environment(tmp_path / "mine")
        named = {mirror.VARIABLE: str(tmp_path / "mine")}
        found = mirror.locate(named)
        assert found is not None
        assert (found.python_version, found.sandbox_bin, found.from_lock) == ("3.11.2", None, False)
        built = mirror.build(environment=named)
        assert built.sandbox_bin == tmp_path / "mine" / "sandbox-bin"
        assert it.calls == []

    def test_a_folder_with_other_things_is_left_alone(
        self, pip: Callable[..., Pip], tmp_path: Path
    ) -> None:
        pip()
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("years of work")
        with pytest.raises(PrerequisiteError, match="holds other things"):
            mirror.build(environment={mirror.VARIABLE: str(tmp_path / "mine")})
        assert (tmp_path / "mine" / "thesis.txt").is_file()

    def test_a_broken_environment_is_left_alone(
        self, pip: Callable[..., Pip], tmp_path: Path
    ) -> None:
        pip()
        make_environment(tmp_path / "mine")
        (tmp_path / "mine" / "bin" / "python").unlink()
        with pytest.raises(PrerequisiteError, match="holds other things"):
            mirror.build(environment={mirror.VARIABLE: str(tmp_path / "mine")})
        assert (tmp_path / "mine" / "bin" / "pip").is_file()


@pytest.mark.parametrize("content", ["", "no json"])
def test_a_broken_marker_is_no_mirror(content: str, pip: Callable[..., Pip]) -> None:
    pip()
    made = mirror.build()
    (made.path / mirror.MARKER).write_text(content)
    assert mirror.locate() is None


def test_a_marker_of_other_locks_is_told(pip: Callable[..., Pip]) -> None:
    pip()
    made = mirror.build()
    marker = made.path / mirror.MARKER
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"locks": "other"}))
    found = mirror.read(made.path)
    assert found is not None
    assert not found.from_lock
