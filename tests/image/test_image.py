"""Inside the image `test`, network off: paths, versions against the lock, a model that loads.

Run by tests/docker/test_image.py in a container; nothing here imports the harness.
"""

import importlib.metadata
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from transformers import AutoModel, AutoTokenizer

LOCK = Path("/tests/mirror.lock")
DIFFERS = Path("/tests/Dockerfile")


def locked():
    """Name and version of each package whose marker holds here, as the lock has them."""
    for line in LOCK.read_text().replace("\\\n", " ").splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.split(" --hash=", 1)[0].strip())
            if requirement.marker is None or requirement.marker.evaluate():
                (version,) = requirement.specifier
                yield canonical(requirement.name), version.version


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed():
    """What the mirror has, without pytest's own folder."""
    (site,) = (path for path in sys.path if path.startswith("/opt/mirror/") and "site-" in path)
    return {
        canonical(each.metadata["Name"]): each.version
        for each in importlib.metadata.distributions(path=[site])
    }


def test_every_package_of_the_lock_at_its_version():
    have = installed()
    wrong = {
        name: (version, have.get(name))
        for name, version in locked()
        if (have.get(name) or "").partition("+")[0] != version
    }
    assert wrong == {}


def test_nothing_but_the_lock():
    cuda = {name for name in installed() if name.startswith(("nvidia-", "cuda-", "triton"))}
    assert installed().keys() - dict(locked()).keys() - cuda == set()


def test_python_is_the_mirrors():
    assert sys.prefix == "/opt/mirror"
    assert sys.version_info[:2] in {(3, 10), (3, 11), (3, 12), (3, 13)}


@pytest.mark.parametrize("path", ["/kaggle/input", "/kaggle/working", "/kaggle/lib"])
def test_folders(path):
    assert Path(path).is_dir()
    assert Path(path).stat().st_uid == 0


def test_root_without_a_network():
    assert os.getuid() == 0
    assert Path.cwd() == Path("/kaggle/working")
    assert [each.name for each in Path("/sys/class/net").iterdir()] == ["lo"]
    with pytest.raises(OSError, match="Network is unreachable"):
        socket.create_connection(("192.0.2.1", 80), timeout=2)


def test_programs_that_a_run_needs():
    for program in ("setpriv", "python3", "jupyter"):
        done = subprocess.run([program, "--version"], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_no_cache_and_no_wheels_are_left():
    for path in ("/build", "/root/.cache", "/wheelhouse"):
        assert not Path(path).exists()


def test_torch_computes_on_what_is_there():
    assert torch.ones(3).sum().item() == 3.0
    assert torch.version.cuda is None or "+cu" in torch.__version__


def test_a_kernel_starts(tmp_path):
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "execution_count": None,
                        "metadata": {},
                        "outputs": [],
                        "source": "print(6 * 7)",
                    }
                ],
                "metadata": {
                    "kernelspec": {
                        "name": "python3",
                        "display_name": "Python 3",
                        "language": "python",
                    }
                },
                "nbformat": 4,
                "nbformat_minor": 4,
            }
        )
    )
    done = subprocess.run(
        ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--stdout", notebook],
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout.decode()


def test_a_model_loads_from_the_input_folder():
    """A BERT of two small layers, made by tests/docker/test_image.py and mounted read-only."""
    folder = "/kaggle/input/models/owner/tiny/transformers/default/1"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        hidden = model(**tokenizer("hello world", return_tensors="pt")).last_hidden_state
    assert hidden.shape == (1, 4, 32)
    assert torch.isfinite(hidden).all()
    with pytest.raises(OSError, match="Read-only file system"):
        Path(folder, "new").write_text("x")


def test_a_model_that_is_not_attached_does_not_load():
    # transformers' own sentence where the hub library tells it; huggingface_hub 1.11.0 trips over
    # its own retry first.
    with pytest.raises((OSError, RuntimeError), match=r"couldn't connect|client has been closed"):
        AutoModel.from_pretrained("google-bert/bert-base-uncased")


def test_differences_are_written_down():
    """Each difference that can be seen from here has its line in the Dockerfile."""
    lines = "\n".join(
        line for line in DIFFERS.read_text().splitlines() if line.startswith("# DIFFERS:")
    )
    if sys.version_info[:2] != (3, 12):
        assert "Python is the base's" in lines
    if not Path("/opt/kaggle").exists():
        assert "/opt/kaggle" in lines
    if not Path("/usr/local/cuda").exists():
        assert "/usr/local/cuda" in lines
    assert "torch is" in lines
