"""What Kaggle's two metadata forms say of a notebook: kernel-metadata.json and `metadata.kaggle`.

Bytes come in here, so pydantic checks their types; what leaves is a frozen `NotebookMetadata`.
A field that Kaggle does not know is a warning and not an error, because Kaggle's own code passes
over it, and so loses, say, a source without a word.

Sources: Kaggle/kaggle-cli docs/kernels_metadata.md and `kernels_push` in kaggle_api_extended.py
(fields and defaults); `metadata.kaggle` of public notebooks (its forms); all read 2026-11.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from harness.errors import RequestError
from harness.kaggle.handles import Handle, make_handle, parse_handle
from harness.kaggle.nearest import nearest
from harness.kaggle.notebook_metadata import NotebookMetadata
from harness.kaggle.profiles import DEFAULT_PROFILE, profile_of_accelerator
from harness.spec import SourceKind


def _as_bool(value: object) -> object:
    """Take "true" and "false" as text too: `kaggle kernels init` writes booleans that way."""
    if isinstance(value, str) and value.strip().casefold() in ("true", "false"):
        return value.strip().casefold() == "true"
    return value


_Bool = Annotated[bool, BeforeValidator(_as_bool)]


class _KernelFile(BaseModel):
    """kernel-metadata.json. Values that a run does not need are only checked for their type."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    id: str | None = None
    id_no: int | str | None = None
    title: str | None = None
    code_file: str | None = None
    language: str | None = None
    kernel_type: str | None = None
    is_private: _Bool = True
    enable_gpu: _Bool = False
    enable_tpu: _Bool = False
    enable_internet: _Bool = True
    machine_shape: str | None = None
    dataset_sources: list[str] = Field(default_factory=list)
    competition_sources: list[str] = Field(default_factory=list)
    kernel_sources: list[str] = Field(default_factory=list)
    model_sources: list[str] = Field(default_factory=list)
    keywords: list[str] = Field(default_factory=list)
    docker_image: str | None = None
    docker_image_pinning_type: Literal["original", "latest"] | None = None


class _DataSource(BaseModel):
    """One entry of `metadata.kaggle.dataSources`.

    Kaggle writes numbers: {"sourceType": "competition", "sourceId": 134815}, or "datasetVersion"
    with datasetId, "modelInstanceVersion" with modelInstanceId and modelId, "kernelVersion". Tools
    that write notebooks put the handle into sourceId.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    sourceType: str = ""  # noqa: N815 - Kaggle's name
    sourceId: int | str | None = None  # noqa: N815 - Kaggle's name


class _NotebookBlock(BaseModel):
    """`metadata.kaggle` of a notebook file."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    accelerator: str | None = None
    dataSources: list[_DataSource] = Field(default_factory=list)  # noqa: N815 - Kaggle's name
    dockerImageVersionId: int | None = None  # noqa: N815 - Kaggle's name
    isGpuEnabled: bool | None = None  # noqa: N815 - Kaggle's name
    isInternetEnabled: bool | None = None  # noqa: N815 - Kaggle's name
    language: str | None = None
    sourceType: str | None = None  # noqa: N815 - Kaggle's name


_SOURCE_TYPES: Mapping[str, SourceKind] = {
    "competition": SourceKind.COMPETITION,
    "datasetversion": SourceKind.DATASET,
    "dataset": SourceKind.DATASET,
    "modelinstanceversion": SourceKind.MODEL,
    "model": SourceKind.MODEL,
    "kernelversion": SourceKind.NOTEBOOK,
    "kernel": SourceKind.NOTEBOOK,
}


def read_kernel_metadata(text: str, *, where: str) -> NotebookMetadata:
    """Read kernel-metadata.json.

    Args:
        text: The file's content.
        where: Its name, for messages.

    Raises:
        RequestError: Not JSON, a value of the wrong type, or a source that is no handle. Kaggle's
            tool refuses such a file too.
    """
    try:
        data = _KernelFile.model_validate_json(text)
    except ValidationError as error:
        raise RequestError(f"{where}: {_sentence(error)}.", fix=f"Correct {where}.") from error
    warnings = _unknown_fields(data.model_extra or {}, _KernelFile.model_fields, where)
    profile, note = _kernel_profile(data)
    if note:
        warnings.append(f"{where}: {note}.")
    if data.enable_internet:
        said = (
            "is true"
            if "enable_internet" in data.model_fields_set
            else ("is missing, and Kaggle's code then takes true (its documentation says false)")
        )
        warnings.append(
            f"{where}: enable_internet {said}; this run has no internet, as a code competition "
            'demands. Write "enable_internet": false.'
        )
    warnings += _language_notes(data, where)
    return NotebookMetadata(
        profile=profile,
        sources=_kernel_sources(data, where),
        code_file=data.code_file,
        warnings=tuple(warnings),
    )


def read_notebook_metadata(block: object, *, where: str) -> NotebookMetadata:
    """Read `metadata.kaggle`. It is Kaggle's own writing, so nothing in it is an error.

    Args:
        block: The value of `metadata.kaggle`.
        where: The notebook's name, for messages.
    """
    try:
        data = _NotebookBlock.model_validate(block)
    except ValidationError as error:
        return NotebookMetadata(
            warnings=(f"{where}: metadata.kaggle is not used: {_sentence(error)}.",)
        )
    warnings = _unknown_fields(data.model_extra or {}, _NotebookBlock.model_fields, where)
    profile: str | None = None
    if data.accelerator is not None:
        profile, note = profile_of_accelerator(data.accelerator)
        if note:
            warnings.append(f"{where}: metadata.kaggle: {note}.")
    elif data.isGpuEnabled is not None:
        profile = DEFAULT_PROFILE if data.isGpuEnabled else "cpu"
    if data.isInternetEnabled:
        warnings.append(
            f"{where}: metadata.kaggle has isInternetEnabled on; this run has no internet, as a "
            "code competition demands. Switch it off in the notebook's settings."
        )
    sources, unresolved, odd = _data_sources(data.dataSources)
    warnings += [f"{where}: metadata.kaggle: {each}." for each in odd]
    return NotebookMetadata(
        profile=profile, sources=sources, unresolved=unresolved, warnings=tuple(warnings)
    )


def _kernel_profile(data: _KernelFile) -> tuple[str, str]:
    """Take the accelerator as Kaggle does: machine_shape first, then the two older switches."""
    if data.machine_shape:
        return profile_of_accelerator(data.machine_shape)
    if data.enable_tpu:
        return profile_of_accelerator("tpu")
    return (DEFAULT_PROFILE if data.enable_gpu else "cpu"), ""


def _kernel_sources(data: _KernelFile, where: str) -> tuple[Handle, ...]:
    lists = (
        ("competition_sources", SourceKind.COMPETITION, data.competition_sources),
        ("dataset_sources", SourceKind.DATASET, data.dataset_sources),
        ("model_sources", SourceKind.MODEL, data.model_sources),
        ("kernel_sources", SourceKind.NOTEBOOK, data.kernel_sources),
    )
    return tuple(
        parse_handle(_without_version(text, kind), kind=kind, where=f"{where}, {field}")
        for field, kind, texts in lists
        for text in texts
    )


def _without_version(text: str, kind: SourceKind) -> str:
    """Drop the version that a dataset or notebook may carry: `OWNER/SLUG/3`, mounted without it."""
    parts = text.strip().split("/")
    versioned = kind in (SourceKind.DATASET, SourceKind.NOTEBOOK) and len(parts) == 3
    return "/".join(parts[:2]) if versioned and parts[2].isdigit() else text


def _language_notes(data: _KernelFile, where: str) -> list[str]:
    notes = []
    for field, value, known in (
        ("language", data.language, ("python", "r", "rmarkdown")),
        ("kernel_type", data.kernel_type, ("notebook", "script")),
    ):
        if value is not None and value not in known:
            near = nearest(value, known)
            hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}"
            notes.append(f"{where}: {field} {value!r} is refused by Kaggle ({hint}).")
        elif value is not None and value != known[0]:
            notes.append(f"{where}: {field} is {value!r}, but only Python notebooks are run here.")
    return notes


def _data_sources(
    entries: list[_DataSource],
) -> tuple[tuple[Handle, ...], tuple[tuple[SourceKind, str], ...], list[str]]:
    sources: list[Handle] = []
    unresolved: list[tuple[SourceKind, str]] = []
    odd: list[str] = []
    for entry in entries:
        kind = _SOURCE_TYPES.get(entry.sourceType.casefold())
        if kind is None:
            near = nearest(entry.sourceType, _SOURCE_TYPES)
            hint = f", nearest is {near!r}" if near else ""
            odd.append(f"the source type {entry.sourceType!r} is not known{hint}")
            continue
        handle = _handle_in(kind, entry.sourceId)
        if handle is not None:
            sources.append(handle)
        else:
            unresolved.append((kind, str(entry.sourceId)))
    return tuple(sources), tuple(unresolved), odd


def _handle_in(kind: SourceKind, source_id: int | str | None) -> Handle | None:
    if not isinstance(source_id, str) or source_id.isdigit():
        return None
    try:
        return make_handle(kind, _without_version(source_id, kind).split("/"))
    except ValueError:
        return None


def _unknown_fields(extra: Mapping[str, object], known: Collection[str], where: str) -> list[str]:
    texts = []
    for field in extra:
        near = nearest(field, known)
        hint = f" Did you mean {near!r}?" if near else ""
        texts.append(f"{where}: Kaggle passes over the unknown field {field!r}.{hint}")
    return texts


def _sentence(error: ValidationError) -> str:
    """Say all that is wrong in one sentence: `enable_gpu: Input should be a valid boolean`."""
    parts = []
    for each in error.errors(include_url=False, include_input=False):
        place = ".".join(str(step) for step in each["loc"])
        parts.append(f"{place}: {each['msg']}" if place else each["msg"])
    return "; ".join(parts)
