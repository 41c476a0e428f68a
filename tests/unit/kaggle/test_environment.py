from __future__ import annotations

from harness.kaggle.environment import ESSENTIAL, session_environment


def test_what_code_looks_for_on_kaggle():
    environment = session_environment(gpus=0)
    assert environment["KAGGLE_KERNEL_RUN_TYPE"] == "Batch"
    assert environment["PYTHONPATH"] == "/kaggle/lib/kagglegym:/kaggle/lib"
    assert environment["HOME"] == "/root"
    assert environment["PWD"] == "/kaggle/working"  # noqa: S105 - the folder, no password
    assert environment["PYTHONUSERBASE"] == "/root/.local"
    assert environment["LANG"] == environment["LC_ALL"] == "C.UTF-8"
    assert environment["PATH"].split(":")[0] == "/opt/mirror/bin"
    assert {"/usr/bin", "/bin"} <= set(environment["PATH"].split(":"))


def test_what_kaggle_does_not_set_is_absent():
    environment = session_environment(gpus=2)
    for name in (
        "KAGGLE_IS_COMPETITION_RERUN",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "MPLBACKEND",
        "KAGGLE_WORKING_DIR",
    ):
        assert name not in environment


def test_cuda_is_named_only_where_there_is_a_gpu():
    assert "CUDA_HOME" not in session_environment(gpus=0)
    assert session_environment(gpus=2)["CUDA_HOME"] == "/usr/local/cuda"


def test_the_host_does_not_leak_in(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("HOME", "/home/someone")
    environment = session_environment(gpus=0)
    assert "SECRET_TOKEN" not in environment
    assert environment["HOME"] == "/root"


def test_essential_variables_are_real():
    assert ESSENTIAL - {"KAGGLE_IS_COMPETITION_RERUN"} <= set(session_environment(gpus=0))
