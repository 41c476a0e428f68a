from __future__ import annotations

import json

import pytest

from harness.errors import RequestError
from harness.kaggle.metadata import read_kernel_metadata, read_notebook_metadata
from harness.kaggle.notebook_metadata import is_about, unresolved_text
from harness.spec import SourceKind

WHERE = "kernel-metadata.json"


def kernel(**fields):
    return read_kernel_metadata(json.dumps({"enable_internet": False} | fields), where=WHERE)


def test_the_template_of_kaggles_tool_is_understood():
    said = kernel(
        id="timoboz/my-awesome-kernel",
        id_no=12345,
        title="My Awesome Kernel",
        code_file="my-awesome-kernel.ipynb",
        language="python",
        kernel_type="notebook",
        is_private="false",
        enable_gpu="true",
        enable_tpu="false",
        enable_internet="false",
        machine_shape="",
        dataset_sources=["timoboz/my-awesome-dataset"],
        competition_sources=["titanic"],
        kernel_sources=["timoboz/other/3"],
        model_sources=["google/bert/PyTorch/base/1"],
        keywords=[],
    )
    assert said.warnings == ()
    assert said.profile == "gpu-t4x2"
    assert [each.qualified for each in said.sources] == [
        "competitions/titanic",
        "datasets/timoboz/my-awesome-dataset",
        "models/google/bert/PyTorch/base/1",
        "notebooks/timoboz/other",
    ]
    assert is_about(said, "my-awesome-kernel.ipynb")
    assert not is_about(said, "other.ipynb")


@pytest.mark.parametrize(
    ("fields", "profile"),
    [
        ({}, "cpu"),
        ({"enable_gpu": True}, "gpu-t4x2"),
        ({"enable_tpu": "true"}, "tpu-v5e-8"),
        ({"machine_shape": "NvidiaTeslaP100"}, "gpu-p100"),
        ({"machine_shape": "None", "enable_gpu": True}, "cpu"),
        ({"machine_shape": "Gpu"}, "gpu-t4x2"),
    ],
)
def test_the_accelerator_as_kaggles_code_takes_it(fields, profile):
    assert kernel(**fields).profile == profile


def test_internet_on_warns():
    said = read_kernel_metadata('{"enable_internet": "true"}', where=WHERE)
    assert "enable_internet is true" in said.warnings[0]


def test_internet_left_out_warns_because_the_code_takes_true():
    said = read_kernel_metadata("{}", where=WHERE)
    assert "is missing, and Kaggle's code then takes true" in said.warnings[0]


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("competition_source", "competition_sources"), ("machineshape", "machine_shape")],
)
def test_an_unknown_field_gets_the_nearest_known_one(typo, meant):
    assert any(f"Did you mean '{meant}'?" in text for text in kernel(**{typo: ["x"]}).warnings)


def test_a_field_like_none_is_named_without_a_guess():
    (warning,) = kernel(zzzzzz=1).warnings
    assert warning.endswith("the unknown field 'zzzzzz'.")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"enable_gpu": "perhaps"}',
        '{"dataset_sources": "ada/words"}',
        '{"dataset_sources": ["not a handle"]}',
        '{"model_sources": ["google/bert"]}',
        '{"docker_image_pinning_type": "newest"}',
    ],
)
def test_a_wrong_file_is_a_wrong_request(text):
    with pytest.raises(RequestError, match=r"kernel-metadata\.json"):
        read_kernel_metadata(text, where=WHERE)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(RequestError) as caught:
        read_kernel_metadata('{"enable_gpu": 3, "title": 4}', where=WHERE)
    assert "enable_gpu" in caught.value.problem
    assert "title" in caught.value.problem


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"language": "pyton"}, "did you mean 'python'?"),
        ({"language": "r"}, "only Python notebooks are run here"),
        ({"kernel_type": "script"}, "only Python notebooks are run here"),
    ],
)
def test_languages(fields, text):
    assert any(text in warning for warning in kernel(**fields).warnings)


# As Kaggle writes it into saved notebooks.
REAL = {
    "accelerator": "nvidiaTeslaL4",
    "dataSources": [
        {"sourceId": 149921, "sourceType": "competition"},
        {"datasetId": 6426555, "sourceId": 10834371, "sourceType": "datasetVersion"},
        {"modelInstanceId": 182745, "sourceId": 185124, "sourceType": "modelInstanceVersion"},
        {"sourceId": 269812704, "sourceType": "kernelVersion"},
    ],
    "dockerImageVersionId": 30880,
    "isGpuEnabled": True,
    "isInternetEnabled": True,
    "language": "python",
    "sourceType": "notebook",
}


def test_numbers_are_named_and_not_guessed():
    said = read_notebook_metadata(REAL, where="x.ipynb")
    assert said.sources == ()
    assert unresolved_text(said.unresolved) == (
        "competition 149921, dataset version 10834371, model version 185124, "
        "notebook version 269812704"
    )
    assert said.profile == "gpu-t4x2"
    assert len(said.warnings) == 2
    assert "does not publish" in said.warnings[0]
    assert "isInternetEnabled" in said.warnings[1]


def test_handles_that_tools_write_are_used():
    said = read_notebook_metadata(
        {
            "dataSources": [
                {"sourceId": "titanic", "sourceType": "competition"},
                {"sourceId": "ada/bert/PyTorch/default/1", "sourceType": "modelInstanceVersion"},
                {"sourceId": "ada/words", "sourceType": "dataset"},
            ]
        },
        where="x.ipynb",
    )
    assert [each.kind for each in said.sources] == [
        SourceKind.COMPETITION,
        SourceKind.MODEL,
        SourceKind.DATASET,
    ]
    assert said.unresolved == ()
    assert said.profile is None


@pytest.mark.parametrize(
    ("block", "profile"),
    [
        ({"accelerator": "none"}, "cpu"),
        ({"isGpuEnabled": True}, "gpu-t4x2"),
        ({"isGpuEnabled": False}, "cpu"),
        ({}, None),
    ],
)
def test_the_notebooks_own_accelerator(block, profile):
    assert read_notebook_metadata(block, where="x").profile == profile


@pytest.mark.parametrize("block", [[], "text", {"dataSources": 3}, {"isGpuEnabled": "perhaps"}])
def test_odd_metadata_is_a_warning(block):
    said = read_notebook_metadata(block, where="x.ipynb")
    assert said.profile is None
    assert said.warnings[0].startswith("x.ipynb: metadata.kaggle is not used: ")


def test_an_unknown_source_type_is_named():
    said = read_notebook_metadata({"dataSources": [{"sourceType": "competiton"}]}, where="x")
    assert "nearest is 'competition'" in said.warnings[0]
