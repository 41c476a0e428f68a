"""The order of things in one run, with a container and a stream that are scripted."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.base import RunFolders
from harness.engine.docker import session
from harness.engine.docker.client import Image
from harness.engine.docker.session import Session
from harness.errors import EngineError, PrerequisiteError
from harness.events import CellStarted, RunnerFailed, RunnerFinished, RunnerStarted, encode
from harness.spec import Accelerator

IMAGE = Image(name="i", identity="", python="python3", environment={}, labels={})
STARTED = RunnerStarted(time_s=0.0, cells=1, python="3.11.2", packages={}, gpus=0)
FINISHED = RunnerFinished(time_s=1.0, status="completed")


def tar_of(name, files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo(name)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Stream:
    """What the runner says, then the end or silence."""

    stderr_tail = ""

    def __init__(self, script, calls):
        self._script = list(script)
        self._calls = calls

    def read(self, timeout_s):
        del timeout_s
        if not self._script:
            return b""
        said = self._script.pop(0)
        return None if said is None else (encode(said) + "\n").encode()

    def drain(self, timeout_s):
        del timeout_s
        self._calls.append("drain")

    def close(self):
        self._calls.append("close")


class ScriptedContainer:
    """Keeps the promises of `Container`, and writes down what it is asked."""

    identity = "c0ffee"

    def __init__(self, script, *, exit_code=0, oom=False, working=None):
        self.calls = []
        self.exit_code = exit_code
        self._script = script
        self._oom = oom
        self._working = {"submission.csv": b"id\n"} if working is None else working

    def __getattr__(self, name):
        if name not in ("create", "fill", "start", "pause", "kill", "remove_volumes"):
            raise AttributeError(name)
        return lambda *_: self.calls.append(name)

    def inspect(self):
        return {}

    def attach(self):
        self.calls.append("attach")
        return Stream(self._script, self.calls)

    def fetch(self, path):
        self.calls.append(f"fetch {path}")
        if path == "/harness/out":
            return iter([tar_of("out", {"log.json": b"[]"})])
        return iter([tar_of("working", self._working)])

    def oom_noted(self):
        return self._oom

    def wait_until_gone(self, timeout_s):
        del timeout_s
        self.calls.append("wait")
        return True


@pytest.fixture
def folders(tmp_path):
    made = RunFolders(
        output=tmp_path / "output", runner=tmp_path / "runner", scratch=tmp_path / "scratch"
    )
    for each in (made.output, made.runner, made.scratch):
        each.mkdir()
    return made


@pytest.fixture
def run(make_spec, folders):
    def run(container, on_event=lambda _: None, **changes):
        spec = make_spec(**changes)
        return Session(spec, IMAGE, folders, container).run(on_event, (0,))

    return run


def test_to_the_end(run, folders):
    container = ScriptedContainer([STARTED, FINISHED])
    events = []
    facts = run(container, events.append)
    assert events == [STARTED, FINISHED]
    assert container.calls[:4] == ["create", "fill", "attach", "start"]
    # The files come out while the container lives, then it is let go.
    assert sorted(container.calls[4:6]) == ["fetch /harness/out", "fetch /kaggle/working"]
    assert container.calls[6:] == ["drain", "wait", "close"]
    assert (facts.exit_code, facts.signal, facts.hard_stopped) == (0, None, False)
    assert (folders.output / "submission.csv").read_bytes() == b"id\n"
    assert (folders.runner / "log.json").read_bytes() == b"[]"
    assert len(facts.limits) == 8


def test_a_broken_runner_still_gives_its_files(run, folders):
    run(ScriptedContainer([STARTED, RunnerFailed(time_s=1.0, detail="oh")]))
    assert (folders.runner / "log.json").exists()


def test_a_runner_that_breaks_off(run):
    container = ScriptedContainer([STARTED, None], exit_code=137, oom=True)
    facts = run(container)
    assert (facts.exit_code, facts.signal, facts.hard_stopped) == (None, 9, False)
    assert "memory killer" in facts.stderr_tail
    assert container.calls[-2:] == ["remove_volumes", "close"]
    assert not any(call.startswith("fetch") for call in container.calls)


def test_dockers_word_on_memory_is_no_counter(run):
    """137 and the engine's flag are hints; the counter is what the cgroup said, or nothing."""
    facts = run(ScriptedContainer([STARTED, None], exit_code=137, oom=True))
    assert facts.memory_kills is None


def test_overrun(run, monkeypatch, folders):
    monkeypatch.setattr(session, "_MARGIN_S", -1000.0)  # the deadline is over when it is set
    container = ScriptedContainer([STARTED], exit_code=137)
    facts = run(container)
    assert facts.hard_stopped
    calls = [call for call in container.calls if not call.startswith("fetch")]
    assert calls == ["create", "fill", "attach", "start", "pause", "kill", "drain", "wait", "close"]
    assert container.calls.index("pause") < container.calls.index("fetch /kaggle/working")
    assert container.calls.index("fetch /kaggle/working") < container.calls.index("kill")
    assert (folders.output / "submission.csv").exists()


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        (127, PrerequisiteError, "setpriv"),
        (1, EngineError, "before it said anything"),
    ],
)
def test_a_runner_that_never_speaks(run, code, kind, word):
    with pytest.raises(kind) as caught:
        run(ScriptedContainer([None], exit_code=code))
    assert word in caught.value.problem


def test_silence(run, monkeypatch):
    monkeypatch.setattr(session, "_START_S", 0.0)
    container = ScriptedContainer([])
    with pytest.raises(EngineError) as caught:
        run(container)
    assert "said nothing" in caught.value.problem
    assert container.calls[-1] == "close"


def test_a_gpu_that_is_not_seen_inside(run):
    wanted = Accelerator(name="GPU T4 x2", wanted=2, present=2)
    with pytest.raises(PrerequisiteError) as caught:
        run(ScriptedContainer([STARTED, FINISHED]), accelerator=wanted)
    assert "0 of 2 GPUs" in caught.value.problem
    facts = run(
        ScriptedContainer([replace(STARTED, gpus=2), FINISHED]),
        accelerator=wanted,
    )
    assert facts.exit_code == 0


def test_an_interrupt_closes_the_stream(run):
    def interrupt(_):
        raise KeyboardInterrupt

    container = ScriptedContainer([STARTED, CellStarted(time_s=0.0, cell=0)])
    with pytest.raises(KeyboardInterrupt):
        run(container, interrupt)
    assert container.calls[-1] == "close"


def test_more_than_fits_is_said_and_not_waited_for(run, monkeypatch, folders):
    monkeypatch.setattr(session, "_SLACK_BYTES", -(2**30))
    monkeypatch.setattr(session, "_MAX_FILES", 1)
    monkeypatch.setattr(session, "_HEADERS_BYTES", 100)
    facts = run(ScriptedContainer([STARTED, FINISHED], working={"huge": b"0" * 10_000}))
    assert "not all kept" in facts.stderr_tail
    assert list(Path(folders.output).iterdir()) == []
