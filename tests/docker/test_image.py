"""The images: what the Dockerfile promises, and tests/image inside of `test`, network off."""

import contextlib
import hashlib
import json
import re
import shutil
import uuid

import pytest
from docker.errors import ImageNotFound, NotFound

from harness import process
from harness.config.engine import SLIM_IMAGE
from harness.engine.docker.client import connect
from harness.engine.image import Target, build_command, default_base, kaggle_reference
from tests.docker.compose import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = hashlib.sha256((ROOT / "mirror.lock").read_bytes()).hexdigest()
MODEL = "models/owner/tiny/transformers/default/1"


def test_kaggles_image_is_pinned_by_digest():
    assert re.fullmatch(
        r"\S+/kaggle-gpu-images/python@sha256:[0-9a-f]{64}", kaggle_reference(DOCKERFILE)
    )
    assert ":latest" not in DOCKERFILE


def test_nothing_is_added_to_kaggles_image():
    last = DOCKERFILE.rstrip().splitlines()[-1]
    assert last.startswith("FROM ")
    assert last.endswith(" AS kaggle")


@pytest.fixture(scope="module")
def api():
    return connect().api


@pytest.mark.docker
def test_slim_is_labelled(api):
    found = api.inspect_image(SLIM_IMAGE)
    labels = found["Config"]["Labels"]
    assert labels["kaggle-harness.python"] == "/opt/mirror/bin/python"
    assert labels["kaggle-harness.lock"] == LOCK, "slim is of another lock: run 'make image'"
    assert labels["kaggle-harness.target"] == "slim"
    assert found["Config"]["WorkingDir"] == "/kaggle/working"


@pytest.fixture(scope="module")
def image(api):
    """The image `test`, built from slim's layers when it is not there."""
    if not built_from_the_lock(api):
        code = process.run_streaming(build_command(Target.TEST, ROOT, base_of_slim(api)))
        assert code == 0, "build it with 'harness image --target test --base-image …'"
    return Target.TEST.tag


def built_from_the_lock(api):
    try:
        labels = api.inspect_image(Target.TEST.tag)["Config"]["Labels"]
    except ImageNotFound:
        return False
    return labels.get("kaggle-harness.lock") == LOCK


def base_of_slim(api):
    """The base that slim was built on, which is still here: the build reuses its layers."""
    layers = {
        image["Id"]: api.inspect_image(image["Id"])["RootFS"]["Layers"] for image in api.images()
    }
    slim = api.inspect_image(SLIM_IMAGE)["RootFS"]["Layers"]
    bases = [
        (len(found), image["RepoTags"][0])
        for image in api.images()
        if image.get("RepoTags")
        and (found := layers[image["Id"]]) != slim
        and slim[: len(found)] == found
    ]
    return max(bases)[1] if bases else default_base(DOCKERFILE)


@pytest.fixture
def tiny_model(tmp_path):
    """A BERT of two small layers with random weights, made in the image itself: no hub."""
    folder = tmp_path / "input" / MODEL
    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
    }
    (folder / "config.json").write_text(json.dumps(config))
    save = (
        "from transformers import AutoConfig, BertModel\n"
        "BertModel(AutoConfig.from_pretrained('/model')).save_pretrained('/model')"
    )
    folder.chmod(0o777)
    done = process.run(
        (
            *("docker", "run", "--rm", "--network", "none", "--volume", f"{folder}:/model"),
            *(SLIM_IMAGE, "python", "-c", save),
        ),
        timeout_s=120,
    )
    assert done.ok, done
    return tmp_path / "input"


@pytest.fixture
def name(api):
    """A container's name; what has it after the test is removed."""
    chosen = f"of-a-test-{uuid.uuid4().hex[:12]}"
    yield chosen
    with contextlib.suppress(NotFound):
        api.remove_container(chosen, force=True, v=True)


@pytest.mark.docker
@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker program")
def test_inside(image, tiny_model, name):
    done = process.run(
        (
            *("docker", "run", "--rm", "--network", "none", "--hostname", "localhost"),
            # Nobody listens there, so a look-up fails at once.
            *("--dns", "127.0.0.1", "--dns-option", "attempts:1", "--name", name),
            *("--volume", f"{tiny_model}:/kaggle/input:ro"),
            *("--volume", f"{ROOT / 'tests/image'}:/tests/image:ro"),
            *("--volume", f"{ROOT / 'mirror.lock'}:/tests/mirror.lock:ro"),
            *("--volume", f"{ROOT / 'Dockerfile'}:/tests/Dockerfile:ro"),
            *(image, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--import-mode=importlib", "--rootdir=/tests", "/tests/image"),
        ),
        timeout_s=240,
    )
    assert done.ok, str(done)
