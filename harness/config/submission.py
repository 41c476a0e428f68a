"""Which file a competition expects, and its sample."""

from __future__ import annotations

from pathlib import Path

from harness.config.model import Origin
from harness.config.places import Chosen, Places
from harness.errors import RequestError
from harness.kaggle.layout import StagedInput
from harness.kaggle.nearest import nearest
from harness.spec import Submission

_DEFAULT_FILE = "submission.csv"
NO_FILE = "none"

# Stems in lower case without separators, and suffixes, best first.
# Source: data pages of public competitions, read 2026-11.
_SAMPLE_STEM = "samplesubmission"
_SAMPLE_SUFFIXES = (".csv", ".parquet", ".csv.gz", ".csv.zip", ".tsv")


def resolve_submission(
    places: Places, competition: StagedInput | None
) -> tuple[Submission, list[Origin]]:
    """Say what the competition expects in /kaggle/working.

    Args:
        places: May name the file, the sample and the competition.
        competition: The attached competition; None when there is none.

    Raises:
        RequestError: A sample that is no file, or a name that is a path.
    """
    origins: list[Origin] = []
    chosen = places.choose("competition")
    slug = str(competition.handle) if competition else None
    source = chosen.source if chosen else "attached source" if slug else "none is attached"
    sample, sample_source = _sample(places, competition)
    name = places.choose("submission_file")
    if name is not None and name.text.strip().casefold() == NO_FILE:
        slug, sample, source = None, None, name.source
    file_name, file_source = _file_name(name, sample)
    origins.append(Origin(name="competition", value=slug or "none", source=source))
    if slug is not None or name is not None:
        origins.append(Origin(name="submission_file", value=file_name, source=file_source))
    if sample is not None:
        origins.append(Origin(name="sample", value=str(sample), source=sample_source))
    return Submission(file_name=file_name, competition=slug, sample=sample), origins


def find_sample(folder: Path) -> Path | None:
    """Find the sample submission at the top of a competition's folder."""
    found: dict[str, Path] = {}
    try:
        files = sorted(each for each in folder.iterdir() if each.is_file())
    except OSError:
        return None
    for path in files:
        name = path.name.casefold()
        for suffix in _SAMPLE_SUFFIXES:
            stem = name.removesuffix(suffix)
            if stem != name and stem.translate({95: None, 45: None, 32: None}) == _SAMPLE_STEM:
                found.setdefault(suffix, path)
    return next((found[suffix] for suffix in _SAMPLE_SUFFIXES if suffix in found), None)


def _sample(places: Places, competition: StagedInput | None) -> tuple[Path | None, str]:
    chosen = places.choose("sample")
    if chosen is not None:
        path = (chosen.folder / chosen.text).resolve()
        if not path.is_file():
            raise RequestError(
                f"{chosen.source}: there is no file {chosen.text!r}.", fix=_near_file(path)
            )
        return path, chosen.source
    if competition is None:
        return None, ""
    found = find_sample(competition.folder)
    return (found.resolve() if found else None), "found in the competition's folder"


def _file_name(name: Chosen | None, sample: Path | None) -> tuple[str, str]:
    if name is not None:
        text = name.text.strip()
        if not text or "/" in text or text in (".", ".."):
            raise RequestError(
                f"{name.source}: {name.text!r} is not the name of a file in /kaggle/working.",
                fix="Write a name without a folder, as in --submission-file submission.parquet.",
            )
        return text, name.source
    if sample is not None and sample.suffix.casefold() == ".parquet":
        return "submission.parquet", "the sample is parquet"
    return _DEFAULT_FILE, "default"


def _near_file(path: Path) -> str:
    try:
        names = [each.name for each in path.parent.iterdir() if each.is_file()]
    except OSError:
        return "Check the path."
    near = nearest(path.name, names)
    return f"Did you mean {near!r}?" if near else "Check the path."
