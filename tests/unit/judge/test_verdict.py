"""One run, one verdict: every way to end, each on its evidence and no other."""

from dataclasses import replace

import pytest

from harness.events import (
    CellFinished,
    CellStarted,
    KernelDied,
    LimitReached,
    MemoryKill,
    NetworkAttempt,
    NotebookRefused,
    OutputCut,
    RunnerFailed,
    RunnerStarted,
    Sample,
)
from harness.judge.verdict import judge
from harness.result import Cause, Outcome


def start(cell, time_s=10.0):
    return CellStarted(time_s=time_s, cell=cell)


def end(cell, status="error", time_s=12.0, **more):
    return CellFinished(time_s=time_s, cell=cell, status=status, wall_time_s=2.0, **more)


def died(cell=2, *, exit_code=None, signal=None, tail=""):
    return KernelDied(time_s=12.0, cell=cell, exit_code=exit_code, signal=signal, stderr_tail=tail)


def reached(limit, cell=2, used=2.0**31, allowed=2.0**30):
    return LimitReached(time_s=12.0, limit=limit, used=used, allowed=allowed, cell=cell)


def sample(processes, memory=10, time_s=5.0, disk=0, cell=None):
    return Sample(
        time_s=time_s,
        memory_bytes=memory,
        cache_bytes=None,
        cpu_time_s=time_s,
        disk_bytes=disk,
        processes=processes,
        cell=cell,
    )


def said(verdict):
    return verdict.outcome, verdict.cause, verdict.cell


@pytest.fixture
def judged(make_spec, facts, tmp_path):
    def run(events, spec=None, **changed):
        return judge(spec or make_spec(), events, replace(facts, **changed), tmp_path / "output")

    return run


# --- passes ---------------------------------------------------------------------------------------


def test_pass(judged, make_run):
    verdict = judged(make_run())
    assert said(verdict) == (Outcome.PASSED, Cause.NONE, None)
    assert (verdict.advice, verdict.warnings, verdict.kaggle_message) == ("", (), None)


def test_pass_without_gpu(judged, make_run, make_spec):
    verdict = judged(make_run(), make_spec(gpus=(2, 0)))
    assert verdict.outcome is Outcome.PASSED_WITHOUT_GPU
    assert verdict.outcome.passed
    assert "GPU" in verdict.advice


def test_pass_with_fewer_gpus_than_the_profile_is_a_pass_with_a_warning(
    judged, make_run, make_spec
):
    verdict = judged(make_run(gpus=1), make_spec(gpus=(2, 1)))
    assert verdict.outcome is Outcome.PASSED
    assert any("has 2 GPUs and this run had 1" in warning for warning in verdict.warnings)


def test_pass_with_a_network_attempt_is_a_pass_with_a_warning(judged, make_run):
    verdict = judged(make_run(NetworkAttempt(time_s=1.2, name="api.example.com", cell=0)))
    assert verdict.outcome is Outcome.PASSED
    assert verdict.warnings == ("Cell 0 asked for api.example.com, and there is no network.",)


def test_pass_of_nothing_is_told(judged, make_run):
    verdict = judged(make_run(ok=0))
    assert verdict.outcome is Outcome.PASSED
    assert any("nothing is proven" in warning for warning in verdict.warnings)


def test_forgiven_exit_is_a_pass_with_a_warning(judged, make_run):
    verdict = judged(make_run(start(2), end(2, status="exited")))
    assert verdict.outcome is Outcome.PASSED
    assert any("SystemExit" in warning for warning in verdict.warnings)


def test_warnings_of_a_pass(judged, make_run):
    events = make_run(
        OutputCut(time_s=1.3, cell=1, kept_bytes=10),
        end(2, status="skipped"),
        sample(1, memory=int(0.95 * 2**30), disk=19 * 2**30),
        leftovers=2,
    )
    text = "\n".join(judged(events).warnings)
    for words in (
        "Cell 1 printed more",
        "Skipped",
        "Memory came near",
        "working came near",
        "2 pr",
    ):
        assert words in text


# --- limits, on evidence only ---------------------------------------------------------------------


def test_wall_time_by_the_runners_clock(judged, make_run):
    events = make_run(start(2), reached("wall_time", used=60.2, allowed=60.0), finish="stopped")
    verdict = judged(events)
    assert said(verdict) == (Outcome.NOTEBOOK_TIMEOUT, Cause.WALL_TIME, 2)
    assert verdict.kaggle_message.startswith("Your notebook was stopped because")


def test_wall_time_by_the_hosts_clock(judged, make_run):
    verdict = judged(make_run(start(2), finish=None), hard_stopped=True, exit_code=137)
    assert said(verdict) == (Outcome.NOTEBOOK_TIMEOUT, Cause.WALL_TIME, 2)


def test_a_run_that_ended_in_time_is_no_timeout_however_the_sandbox_ended(judged, make_run):
    verdict = judged(make_run(), hard_stopped=True)
    assert verdict.outcome is Outcome.PASSED
    assert any("by force" in warning for warning in verdict.warnings)


def test_kernel_memory(judged, make_run):
    events = make_run(
        start(2), MemoryKill(time_s=11.0, killed=1, cell=2), died(signal=9), finish="failed", cell=2
    )
    verdict = judged(events)
    assert said(verdict) == (Outcome.EXCEEDED_ALLOWED_COMPUTE, Cause.KERNEL_MEMORY, 2)
    assert "more memory than is available" in verdict.kaggle_message


@pytest.mark.parametrize("where", ["facts", "finished"])
def test_kernel_memory_by_each_counter_alone(judged, make_run, where):
    inside = {"memory_kills": 1} if where == "finished" else {}
    outside = {"memory_kills": 1} if where == "facts" else {}
    events = make_run(start(2), died(exit_code=137), finish="failed", cell=2, **inside)
    assert said(judged(events, **outside))[1:] == (Cause.KERNEL_MEMORY, 2)


def test_child_memory(judged, make_run):
    events = make_run(
        start(2), MemoryKill(time_s=11.0, killed=1, cell=2), finish="stopped", memory_kills=1
    )
    assert said(judged(events)) == (Outcome.EXCEEDED_ALLOWED_COMPUTE, Cause.CHILD_MEMORY, 2)


def test_a_kernel_alone_is_to_blame_although_its_death_was_not_seen(judged, make_run):
    events = make_run(
        sample(3, time_s=0.9),
        start(2),
        sample(3, time_s=10.5),
        MemoryKill(time_s=11.0, killed=1, cell=2),
        sample(0, time_s=11.1),
        finish="stopped",
        memory_kills=2,
    )
    assert said(judged(events))[1:] == (Cause.KERNEL_MEMORY, 2)


def test_a_killed_child_outweighs_the_exception_that_follows(judged, make_run):
    events = make_run(
        start(2),
        end(2),
        finish="failed",
        cell=2,
        error_name="BrokenProcessPool",
        error_value="terminated abruptly",
        memory_kills=1,
    )
    assert said(judged(events))[1:] == (Cause.CHILD_MEMORY, 2)


def test_a_sandbox_that_died_with_the_counter_up_is_memory(judged, make_run):
    verdict = judged(make_run(start(2), finish=None), memory_kills=3, exit_code=137)
    assert verdict.outcome is Outcome.EXCEEDED_ALLOWED_COMPUTE


@pytest.mark.parametrize(
    ("processes", "cause"),
    [
        ({0.3: 1, 0.9: 3, 11.0: 3}, Cause.KERNEL_MEMORY),  # at first it was still starting
        ({0.9: 3, 11.0: 4}, Cause.CHILD_MEMORY),
        ({0.9: 3, 10.5: 4, 11.0: 3}, Cause.KERNEL_MEMORY),  # the child is gone
        ({10.5: 3, 11.0: 4}, Cause.CHILD_MEMORY),
        ({}, Cause.KERNEL_MEMORY),
    ],
)
def test_watched_memory_blames_a_child_only_when_there_was_one(judged, make_run, processes, cause):
    samples = [sample(count, time_s=time_s) for time_s, count in processes.items()]
    after = sample(0, time_s=20.0)
    events = make_run(start(2), *samples, after, reached("memory"), finish="stopped")
    assert said(judged(events)) == (Outcome.EXCEEDED_ALLOWED_COMPUTE, cause, 2)


@pytest.mark.parametrize("death", [{"signal": 9}, {"exit_code": 137}])
@pytest.mark.parametrize("counter", [None, 0])
def test_a_kill_without_a_counter_is_never_memory(judged, make_run, death, counter):
    events = make_run(start(2), died(**death), finish="failed", cell=2, memory_kills=counter)
    verdict = judged(events, exit_code=137, memory_kills=counter)
    assert said(verdict) == (Outcome.THREW_EXCEPTION, Cause.KERNEL_SIGNAL, 2)
    assert "memory" not in verdict.summary.lower()


def test_disk(judged, make_run):
    verdict = judged(make_run(start(2), reached("disk"), finish="stopped"))
    assert said(verdict) == (Outcome.EXCEEDED_ALLOWED_COMPUTE, Cause.DISK_FULL, 2)


def test_disk_by_exception_says_when_working_was_not_full(judged, make_run):
    events = make_run(
        start(2),
        end(2),
        sample(1, disk=100),
        finish="failed",
        cell=2,
        error_name="OSError",
        error_value="[Errno 28] No space left on device",
    )
    verdict = judged(events)
    assert said(verdict) == (Outcome.EXCEEDED_ALLOWED_COMPUTE, Cause.DISK_FULL, 2)
    assert any("another file system was full" in warning for warning in verdict.warnings)


def test_process_limit(judged, make_run):
    events = make_run(
        start(2),
        end(2),
        finish="failed",
        cell=2,
        error_name="RuntimeError",
        error_value="can't start new thread",
    )
    assert said(judged(events)) == (Outcome.THREW_EXCEPTION, Cause.PROCESS_LIMIT, 2)


def test_the_clock_outweighs_memory(judged, make_run):
    events = make_run(
        start(2), MemoryKill(time_s=11.0, killed=1, cell=2), reached("wall_time"), finish="stopped"
    )
    assert judged(events).outcome is Outcome.NOTEBOOK_TIMEOUT


# --- deaths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("death", "cause"),
    [
        ({"exit_code": 0}, Cause.KERNEL_EXITED),
        ({"exit_code": 1}, Cause.KERNEL_EXITED),
        ({"signal": 11}, Cause.SEGFAULT),
        ({"exit_code": 139}, Cause.SEGFAULT),
        ({"signal": 7}, Cause.SEGFAULT),
        ({"signal": 6}, Cause.KERNEL_SIGNAL),
        ({"exit_code": 143}, Cause.KERNEL_SIGNAL),
        ({"signal": 64}, Cause.KERNEL_SIGNAL),
        ({"exit_code": 200}, Cause.KERNEL_EXITED),
    ],
)
def test_death_of_the_kernel(judged, make_run, death, cause):
    verdict = judged(make_run(start(2), died(**death), finish="failed", cell=2))
    assert said(verdict) == (Outcome.THREW_EXCEPTION, cause, 2)


def test_faulthandlers_words_are_evidence(judged, make_run):
    tail = "noise\n\x1b[31mFatal Python error: Segmentation fault\x1b[0m\n\nCurrent thread 0x7f"
    events = make_run(start(2), died(signal=11, tail=tail), finish="failed")
    evidence = "\n".join(judged(events).evidence)
    assert "Fatal Python error: Segmentation fault Current thread" in evidence
    assert "\x1b" not in evidence
    assert "noise" not in evidence


def test_greetings_of_the_kernel_are_no_last_words(judged, make_run):
    tail = (
        "0.00s - Debugger warning: It seems that frozen modules are being used, which may\n"
        "NOTE: When using the `ipython kernel` entry point, Ctrl-C will not work.\n\n"
        'To exit, you will have to explicitly quit this process, by either sending\n"quit" from a '
        "client, or using Ctrl-\\ in UNIX-like environments.\n\nTo read more about this, see "
        "https://github.com/ipython/ipython/issues/2049\n\n\n"
        "To connect another client to this kernel, use:\n    --existing kernel.json\n"
    )
    events = make_run(start(2), died(exit_code=1, tail=tail), finish="failed")
    assert not any("last words" in each for each in judged(events).evidence)


def test_death_for_want_of_threads(judged, make_run):
    tail = "libgomp: Thread creation failed: Resource temporarily unavailable"
    events = make_run(start(2), died(exit_code=1, tail=tail), finish="failed")
    assert said(judged(events))[:2] == (Outcome.THREW_EXCEPTION, Cause.PROCESS_LIMIT)


def test_death_after_the_last_cell_is_a_warning(judged, make_run):
    verdict = judged(make_run(died(cell=None, exit_code=1)))
    assert verdict.outcome is Outcome.PASSED
    assert any("after the last cell" in warning for warning in verdict.warnings)


# --- exceptions -----------------------------------------------------------------------------------


def failed(make_run, *tail, cell=2, name="ValueError", value="bad", traceback="", **more):
    return make_run(
        start(cell),
        end(cell),
        *tail,
        finish="failed",
        cell=cell,
        error_name=name,
        error_value=value,
        traceback=traceback,
        **more,
    )


def test_exception(judged, make_run):
    verdict = judged(failed(make_run))
    assert said(verdict) == (Outcome.THREW_EXCEPTION, Cause.EXCEPTION, 2)
    assert verdict.summary == "Cell 2 raised ValueError: bad."
    assert verdict.kaggle_message.startswith("Your notebook hit an unhandled error")


def test_exception_told_only_by_its_cell(judged, make_run):
    events = make_run(
        start(2), end(2, error_name="KeyError", error_value="'x'"), finish="failed", cell=2
    )
    assert "KeyError" in judged(events).summary


def test_failing_reply_without_an_exception(judged, make_run):
    verdict = judged(make_run(start(2), end(2), finish="failed", cell=2))
    assert said(verdict) == (Outcome.THREW_EXCEPTION, Cause.EXCEPTION, 2)


def test_error_output_of_a_cell_that_ended_well(judged, make_run):
    events = make_run(
        start(2), end(2, status="ok"), finish="failed", cell=2, error_name="ValueError"
    )
    verdict = judged(events)
    assert said(verdict) == (Outcome.THREW_EXCEPTION, Cause.ERROR_OUTPUT, 2)
    assert "ended well" in verdict.summary


def test_error_output_of_a_cell_that_may_raise(judged, make_run):
    events = failed(make_run, start(3, 14.0), end(3, "ok", 15.0))
    verdict = judged(events)
    assert said(verdict) == (Outcome.THREW_EXCEPTION, Cause.ERROR_OUTPUT, 2)
    assert "later cells ran" in verdict.summary


def test_network_need_names_host_and_cell(judged, make_run):
    events = failed(
        make_run,
        NetworkAttempt(time_s=11.0, name="api.example.com", cell=2),
        name="URLError",
        value="<urlopen error [Errno -3] Temporary failure in name resolution>",
    )
    verdict = judged(events)
    assert said(verdict) == (Outcome.THREW_EXCEPTION, Cause.NETWORK_NEED, 2)
    assert verdict.summary == "Cell 2 wants api.example.com on the network, and there is none."
    assert verdict.warnings == ()


def test_needs_gpu_is_not_proven_under_a_gpu_profile(judged, make_run, make_spec):
    events = failed(make_run, name="AssertionError", value="Torch not compiled with CUDA enabled")
    verdict = judged(events, make_spec(gpus=(2, 0)))
    assert said(verdict) == (Outcome.NOT_PROVEN, Cause.NEEDS_GPU, 2)
    assert verdict.kaggle_message is None


def test_needs_gpu_throws_under_the_cpu_profile_as_on_kaggle(judged, make_run, make_spec):
    events = failed(make_run, name="AssertionError", value="Torch not compiled with CUDA enabled")
    verdict = judged(events, make_spec(gpus=(0, 0)))
    assert said(verdict) == (Outcome.THREW_EXCEPTION, Cause.NEEDS_GPU, 2)
    assert "enable_gpu" in verdict.advice


def test_cuda_words_with_all_gpus_present_are_an_exception(judged, make_run, make_spec):
    events = failed(make_run, name="RuntimeError", value="No CUDA GPUs are available", gpus=2)
    assert said(judged(events, make_spec(gpus=(2, 2))))[1] is Cause.EXCEPTION


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "outcome", "cause"),
    [
        ("language", Outcome.NOT_PROVEN, Cause.UNSUPPORTED_LANGUAGE),
        *(
            (reason, Outcome.THREW_EXCEPTION, Cause.INVALID_NOTEBOOK)
            for reason in ("not_json", "not_a_notebook", "empty_file", "not_utf8", "no_kernel")
        ),
    ],
)
def test_refused(judged, make_run, reason, outcome, cause):
    refused = NotebookRefused(time_s=0.2, reason=reason, detail="it is so")
    with_start = judged(make_run(refused, ok=0, finish="failed", leftovers=1))
    alone = judged([refused])
    assert said(with_start) == said(alone) == (outcome, cause, None)
    assert with_start.warnings == ()


# --- the harness's own ----------------------------------------------------------------------------


def test_no_event_at_all_is_the_engine(judged):
    verdict = judged([], exit_code=1, stderr_tail="bwrap: No permissions to create new namespace")
    assert said(verdict) == (Outcome.HARNESS_ERROR, Cause.ENGINE_FAILED, None)
    assert any("No permissions" in each for each in verdict.evidence)


def test_an_engine_that_hangs_before_the_runner_is_no_timeout(judged):
    assert judged([], hard_stopped=True).cause is Cause.ENGINE_FAILED


def test_runner_that_broke(judged, make_run):
    events = make_run(RunnerFailed(time_s=2.0, detail="Traceback\n  x\nKeyError: 'y'"), finish=None)
    verdict = judged(events)
    assert said(verdict)[:2] == (Outcome.HARNESS_ERROR, Cause.RUNNER_FAILED)
    assert "KeyError: 'y'" in verdict.summary


def test_runner_that_vanished(judged, make_run):
    verdict = judged(make_run(start(2), finish=None), exit_code=137)
    assert said(verdict)[:2] == (Outcome.HARNESS_ERROR, Cause.RUNNER_FAILED)


def test_runner_that_stopped_for_nothing(judged, make_run):
    assert judged(make_run(finish="stopped")).cause is Cause.RUNNER_FAILED


def test_gpus_that_did_not_arrive_are_the_engine(judged, make_run, make_spec):
    verdict = judged(make_run(gpus=0), make_spec(gpus=(2, 2)))
    assert said(verdict)[:2] == (Outcome.HARNESS_ERROR, Cause.ENGINE_FAILED)


def test_start_alone_is_a_vanished_runner(judged):
    events = [RunnerStarted(time_s=0.0, cells=1, python="3", packages={}, gpus=0)]
    assert judged(events).cause is Cause.RUNNER_FAILED
