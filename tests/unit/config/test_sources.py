from __future__ import annotations

import pytest

from harness.errors import RequestError

BERT = "models/google/bert/PyTorch/base/1"


def mounts(resolved):
    return [str(each.mount) for each in resolved.spec.sources]


def test_sources_of_all_places_are_attached_together(project):
    project.stage("competitions/titanic", "datasets/ada/words", BERT, "datasets/ada/other")
    project.kernel(competition_sources=["titanic"])
    project.write_notebook(
        {"dataSources": [{"sourceType": "datasetVersion", "sourceId": "ada/words"}]}
    )
    resolved = project.ask(attach=("google/bert/pytorch/base/1",))
    assert mounts(resolved) == [
        "/kaggle/input/competitions/titanic",
        "/kaggle/input/datasets/ada/words",
        "/kaggle/input/models/google/bert/pytorch/base/1",
    ]
    assert [each.source for each in resolved.origins if each.name == "attach"] == [
        "kernel-metadata.json",
        "metadata.kaggle",
        "--attach",
    ]
    assert resolved.spec.sources[2].path == project.folder / "inputs" / BERT


def test_with_none_named_everything_staged_is_mounted_with_a_warning(project):
    project.stage("datasets/ada/words", BERT)
    resolved = project.ask()
    assert len(resolved.spec.sources) == 2
    assert any(text.startswith("No source is attached by name") for text in resolved.warnings)


def test_with_nothing_staged_there_is_nothing(project):
    resolved = project.ask()
    assert resolved.spec.sources == ()
    assert any("nothing is staged" in text for text in resolved.warnings)


@pytest.mark.parametrize(
    ("attach", "expected"),
    [
        ("ADA/Words", "datasets/ada/words"),
        ("ada/train", "notebooks/ada/train"),
        ("google/bert/pytorch/base", "models/google/bert/PyTorch/base/10"),
        ("models/google/bert/pytorch/base", "models/google/bert/PyTorch/base/10"),
        ("/kaggle/input/datasets/ada/words", "datasets/ada/words"),
    ],
)
def test_short_forms(project, attach, expected):
    project.stage(
        "datasets/ada/words", "notebooks/ada/train", BERT, "models/google/bert/PyTorch/base/10"
    )
    resolved = project.ask(attach=(attach,))
    (source,) = resolved.spec.sources
    assert f"{source.kind.value}/{source.handle}" == expected


def test_one_source_named_twice_is_mounted_once(project):
    project.stage("datasets/ada/words")
    project.kernel(dataset_sources=["ada/words"])
    assert len(project.ask(attach=("datasets/Ada/Words",)).spec.sources) == 1


def test_what_is_attached_and_not_staged_names_the_command(project):
    project.stage("datasets/ada/words")
    project.kernel(dataset_sources=["ada/wrods"], model_sources=["google/bert/pytorch/base/1"])
    with pytest.raises(RequestError) as caught:
        project.ask()
    assert "datasets/ada/wrods (kernel-metadata.json)" in caught.value.problem
    assert "models/google/bert/pytorch/base/1" in caught.value.problem
    assert "Did you mean datasets/ada/words?" in caught.value.fix
    assert "harness stage folder:PATH datasets/ada/wrods" in caught.value.fix


def test_an_empty_folder_is_not_staged(project):
    (project.folder / "inputs/datasets/ada/words").mkdir(parents=True)
    with pytest.raises(RequestError, match="not staged"):
        project.ask(attach=("ada/words",))


def test_the_classic_layout_and_its_collisions(project):
    project.stage("datasets/ada/words", "datasets/bob/words", BERT)
    resolved = project.ask(attach=("ada/words", "google/bert/pytorch/base/1"), layout="classic")
    assert mounts(resolved) == ["/kaggle/input/words", "/kaggle/input/bert/pytorch/base/1"]
    with pytest.raises(RequestError, match="would both be at /kaggle/input/words"):
        project.ask(layout="classic")


def test_sources_known_by_number_only_are_named(project):
    project.stage("datasets/ada/words")
    project.write_notebook(
        {
            "dataSources": [
                {"sourceType": "datasetVersion", "sourceId": 7},
                {"sourceType": "modelInstanceVersion", "sourceId": 8},
            ]
        }
    )
    (text,) = [each for each in project.ask().warnings if "by number only" in each]
    assert "dataset version 7, model version 8" in text
    (text,) = [each for each in project.ask(attach=("ada/words",)).warnings if "number" in each]
    assert "dataset version" not in text


def test_metadata_of_another_notebook_is_not_used(project):
    project.kernel(code_file="submit.ipynb", machine_shape="None")
    resolved = project.ask()
    assert resolved.spec.profile == "gpu-t4x2"
    assert any("is about 'submit.ipynb'" in text for text in resolved.warnings)


def test_the_environment_attaches_with_commas(project):
    project.stage("datasets/ada/words", "competitions/titanic", BERT)
    resolved = project.ask({"HARNESS_ATTACH": "ada/words, titanic"})
    assert len(resolved.spec.sources) == 2


def test_a_competition_alone_leaves_everything_staged_mounted(project):
    project.stage("competitions/titanic", "competitions/other", BERT)
    resolved = project.ask(competition="titanic")
    assert len(resolved.spec.sources) == 3
    assert resolved.spec.submission.competition == "titanic"


def test_a_competition_beside_named_sources_is_attached(project):
    project.stage("competitions/titanic", "datasets/ada/words", BERT)
    resolved = project.ask(competition="titanic", attach=("ada/words",))
    assert mounts(resolved) == [
        "/kaggle/input/competitions/titanic",
        "/kaggle/input/datasets/ada/words",
    ]


def test_a_competition_that_is_not_staged(project):
    with pytest.raises(RequestError, match=r"competitions/titanic \(--competition\)"):
        project.ask(competition="titanic")


def test_several_competitions(project):
    project.stage("competitions/titanic", "competitions/other")
    resolved = project.ask()
    assert resolved.spec.submission.competition is None
    assert any("no submission is expected" in text for text in resolved.warnings)
    resolved = project.ask(attach=("titanic", "other"))
    assert resolved.spec.submission.competition == "titanic"
    assert any("titanic is taken" in text for text in resolved.warnings)
