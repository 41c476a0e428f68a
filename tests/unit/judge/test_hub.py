"""Which model was wanted, and from where."""

# ruff: noqa: E501 - messages are kept as they are

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from harness.judge.failure import Failure
from harness.judge.hub import missing_model, model_of, network_need

RECORDED = Path(__file__).parents[2] / "recorded"
KERNELS = sorted(path.stem for path in RECORDED.glob("ipykernel-*.json"))
MODELS = {
    "tokenizer": "google-bert/bert-base-uncased",
    "model_by_variable": "microsoft/deberta-v3-base",
    "model_by_config_object": "bert-base-cased",
    "bert_class": "bert-base-uncased",
    "pipeline": "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    "pipeline_default": "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    "hub_file": "sentence-transformers/all-MiniLM-L6-v2",
    "hub_snapshot": "BAAI/bge-small-en-v1.5",
    "offline_variable": "google-bert/bert-base-uncased",
    "local_files_only": "google-bert/bert-base-uncased",
    "torch_hub_weights": "https://download.pytorch.org/models/resnet18-f37072fd.pth",
}


def recorded(kernel, name):
    content = json.loads((RECORDED / f"{kernel}.json").read_text(encoding="utf-8"))
    record = next(each for each in content["records"] if each["name"] == name)
    return {key: record[key] for key in ("error_name", "error_value", "traceback")}


def source_of(name):
    spec = importlib.util.spec_from_file_location("recorded_cases", RECORDED / "cases.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return next(case.source for case in module.CASES if case.name == name)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("name", "model"), MODELS.items())
def test_model_by_traceback_and_cell(kernel, name, model):
    failure = Failure(**recorded(kernel, name), cell=2, sources=("", source_of(name)))
    assert model_of(failure) == model


@pytest.mark.parametrize("kernel", KERNELS)
def test_model_by_the_traceback_alone(kernel):
    failure = Failure(**recorded(kernel, "hub_file"), cell=2)
    assert model_of(failure) == "sentence-transformers/all-MiniLM-L6-v2"


def bare(value="We couldn't connect to 'https://huggingface.co' to load the files", **more):
    return Failure(
        error_name="OSError",
        error_value=value,
        traceback="/opt/x/lib/python3.11/site-packages/transformers/utils/hub.py in cached_files()",
        cell=1,
        **more,
    )


@pytest.mark.parametrize(
    ("sources", "model"),
    [
        (("NAME = 'a/b'", "AutoModel.from_pretrained(NAME)"), "a/b"),
        (("NAME = 'a/b'\nNAME = 'c/d'", "AutoModel.from_pretrained(NAME, x=1)"), "c/d"),
        (("class CFG:\n    model: str = 'a/b'", "AutoModel.from_pretrained(CFG.model)"), "a/b"),
        (("cfg = {'model_name': 'a/b'}", "m.from_pretrained(model_name)"), "a/b"),
        (("", "SentenceTransformer('all-MiniLM-L6-v2')"), "all-MiniLM-L6-v2"),
        (("", "timm.create_model('hf-hub:timm/vit', pretrained=True)"), "timm/vit"),
        (("", "pipeline('fill-mask', model='a/b')"), "a/b"),
        (("", "snapshot_download(\n    repo_id='a/b',\n)"), "a/b"),
        (("", "AutoModel.from_pretrained(os.environ['X'])"), None),
        (("", "AutoModel.from_pretrained('/kaggle/working/model')"), None),
        ((), None),
    ],
)
def test_model_by_the_cells(sources, model):
    assert model_of(bare(sources=sources)) == model


@pytest.mark.parametrize(
    ("name", "value", "model"),
    [
        # Source: spaCy 3 errors.py, nltk 3 data.py, keras 3 file_utils.py, read 2026-11.
        ("OSError", "[E050] Can't find model 'en_core_web_sm'. It doesn't seem to be a Python", "en_core_web_sm"),
        ("LookupError", "Resource punkt not found.\n  Please use the NLTK Downloader to obtain the resource:", "punkt"),
        ("Exception", "URL fetch failure on https://storage.example/tensorflow/keras-applications/x.h5: None", None),
    ],
)  # fmt: skip
def test_other_libraries(name, value, model):
    failure = Failure(error_name=name, error_value=value, traceback="", cell=1)
    assert missing_model(failure)
    assert model_of(failure) == model


def test_kaggles_own_services_are_network():
    # Source: Kaggle/docker-python, patches/kaggle_web_client.py, read 2026-11.
    value = "Connection error trying to communicate with service."
    failure = Failure(error_name="ConnectionError", error_value=value, traceback="", cell=0)
    assert network_need(failure)


def test_what_the_name_server_heard_is_named_first():
    assert "from example.org, cdn.example.org" in missing_model(
        bare(asked=("example.org", "cdn.example.org"))
    )


def test_a_retry_on_a_closed_client_counts_only_inside_the_hub():
    value = "Cannot send a request, as the client has been closed."
    assert missing_model(bare(value))
    outside = Failure(error_name="RuntimeError", error_value=value, traceback="", cell=1)
    assert missing_model(outside) is None


def test_a_path_of_the_input_is_no_model_of_a_hub():
    assert missing_model(bare("Can't load the configuration of '/kaggle/input/bert'.")) is None
