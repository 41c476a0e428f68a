"""What is downloaded for an image's Python: from the lock, whatever Python this is."""

import zipfile
from pathlib import Path

import pytest

from harness import process
from harness.engine import wheelhouse
from harness.engine.wheelhouse import ImagePython, Locked, fill, is_cuda_build, needed, read_lock
from harness.errors import PrerequisiteError

ROOT = Path(__file__).parents[3]
LOCK = """\
# A comment.
click==8.3.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
old==1.0 ; python_full_version < '3.13' \\
    --hash=sha256:cc
windows==2 ; sys_platform == 'win32' \\
    --hash=sha256:dd
torch==2.13.0 \\
    --hash=sha256:ee
"""
CUDA = """\
nvidia-cublas==13.1.1.3 ; sys_platform == 'linux' \\
    --hash=sha256:ff
"""
PYTHON = ImagePython(version="3.12.13", machine="x86_64")


def test_read_lock():
    packages = list(read_lock(LOCK))
    assert [each.requirement.name for each in packages] == ["click", "old", "windows", "torch"]
    assert packages[0].hashes == ("sha256:aa", "sha256:bb")
    assert packages[0].line() == "click==8.3.3 --hash=sha256:aa --hash=sha256:bb"


@pytest.mark.parametrize(
    ("version", "expected"),
    [("3.12.13", {"click", "old", "torch"}), ("3.13.0", {"click", "torch"})],
)
def test_markers_are_those_of_the_image(version, expected):
    python = ImagePython(version=version, machine="x86_64")
    found = needed(read_lock(LOCK), python.environment())
    assert {each.requirement.name for each in found} == expected


def test_the_real_lock_is_read_whole():
    text = (ROOT / "mirror.lock").read_text(encoding="utf-8")
    packages = list(read_lock(text))
    assert len(packages) > 100
    assert sum(len(each.hashes) for each in packages) == text.count("--hash=")
    assert all(
        isinstance(each, Locked) and len(each.requirement.specifier) == 1 for each in packages
    )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "mirror.lock").write_text(LOCK)
    (tmp_path / "mirror-cuda.lock").write_text(CUDA)
    return tmp_path


@pytest.fixture
def pip(monkeypatch):
    """A pip that puts wheels where it is told; `offers_cpu` says what its index has of torch."""

    class Pip:
        def __init__(self):
            self.offers_cpu = True
            self.code = 0
            self.asked = []

        def run(self, command):
            folder = command[command.index("--dest") + 1]
            with open(command[-1], encoding="utf-8") as file:  # noqa: PTH123 - as pip does
                lines = file.read().split("\n")
            self.asked.append([line.split(" ")[0] for line in lines if line])
            for line in self.asked[-1]:
                if line.startswith("torch"):
                    if "+cpu" in line and not self.offers_cpu:
                        return 1
                    write_torch(folder, cuda=None if "+cpu" in line else "13.0")
            return self.code

    pip = Pip()
    monkeypatch.setattr(process, "run_streaming", pip.run)
    return pip


def write_torch(folder, *, cuda):
    suffix = "" if cuda else "+cpu"
    with zipfile.ZipFile(f"{folder}/torch-2.13.0{suffix}-cp312-any.whl", "w") as wheel:
        wheel.writestr("torch/version.py", f"cuda: Optional[str] = {cuda!r}\nhip = None\n")


def test_the_cpu_build_is_preferred(project, pip):
    fill(project / "wheels", project, PYTHON)
    assert pip.asked == [["click==8.3.3", "old==1.0"], ["torch==2.13.0+cpu"]]
    assert not is_cuda_build(project / "wheels")


def test_a_cuda_build_brings_its_libraries(project, pip):
    pip.offers_cpu = False
    fill(project / "wheels", project, PYTHON)
    assert pip.asked == [
        ["click==8.3.3", "old==1.0"],
        ["torch==2.13.0+cpu"],
        ["torch==2.13.0"],
        ["nvidia-cublas==13.1.1.3"],
    ]
    assert is_cuda_build(project / "wheels")


def test_a_full_one_is_not_filled_again(project, pip):
    fill(project / "wheels", project, PYTHON)
    pip.asked.clear()
    fill(project / "wheels", project, PYTHON)
    assert pip.asked == []


def test_one_for_another_python_or_another_lock_is_filled_again(project, pip):
    fill(project / "wheels", project, PYTHON)
    pip.asked.clear()
    fill(project / "wheels", project, ImagePython(version="3.11.2", machine="x86_64"))
    assert pip.asked
    pip.asked.clear()
    (project / "mirror.lock").write_text(LOCK.replace("8.3.3", "8.3.4"))
    fill(project / "wheels", project, PYTHON)
    assert pip.asked


def test_a_failure_leaves_no_mark(project, pip):
    pip.code = 1
    with pytest.raises(PrerequisiteError) as caught:
        fill(project / "wheels", project, PYTHON)
    assert "--wheelhouse" in caught.value.fix
    assert not (project / "wheels" / wheelhouse.STAMP).exists()
    assert not (project / "wheels" / "requirements.txt").exists()


def test_pip_is_asked_for_the_image_and_not_for_this_machine(project):
    command = wheelhouse.pip_command(project, PYTHON, project / "r.txt")
    assert command[command.index("--python-version") + 1] == "3.12.13"
    assert "manylinux_2_28_x86_64" in command
    assert "--require-hashes" in command
    assert command[command.index("--only-binary") + 1] == ":all:"
