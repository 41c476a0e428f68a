"""Which sources a notebook sees: named ones that are staged, or everything staged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.config.model import Origin
from harness.config.notebook_file import Described
from harness.config.places import Chosen, Places
from harness.errors import RequestError
from harness.kaggle.handles import Handle, nearest_handle, parse_handle
from harness.kaggle.layout import StagedInput, find_staged, mount_path
from harness.kaggle.notebook_metadata import unresolved_text
from harness.spec import AttachedSource, Layout, SourceKind

EVERYTHING = "everything staged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What will be mounted.

    Attributes:
        staged: In the order in which they were attached.
        competition: The one that the submission is for; None without one.
        origins: Where each attachment came from.
        warnings: One sentence each.
    """

    staged: tuple[StagedInput, ...]
    competition: StagedInput | None
    origins: tuple[Origin, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    handle: Handle
    source: str


def resolve_sources(places: Places, described: Described, inputs: Path) -> Sources:
    """Find the folders of all attached sources.

    Args:
        places: May attach (`--attach`) and name a competition (`--competition`).
        described: May attach too.
        inputs: The folder of staged inputs.

    Raises:
        RequestError: A handle that is none, or an attached source that is not staged.
    """
    staged = tuple(find_staged(inputs))
    named = _named(places, described, staged)
    competition = _chosen_competition(places)
    wanted = [*competition, *named] if named else []
    missing = [
        each
        for each in (*competition, *named)
        if all(each.handle.key != other.handle.key for other in staged)
    ]
    if missing:
        raise _not_staged(missing, staged, inputs)
    warnings = _unresolved(described, wanted)
    if not wanted:
        warnings.append(_everything_text(staged, inputs))
        attached, origins = staged, dict.fromkeys((each.handle.key for each in staged), EVERYTHING)
    else:
        by_key = {each.handle.key: each for each in staged}
        origins = {}
        for each in wanted:
            origins.setdefault(each.handle.key, each.source)
        attached = tuple(by_key[key] for key in origins)
    chosen, note = _competition(attached, competition, everything=not wanted)
    return Sources(
        staged=attached,
        competition=chosen,
        origins=tuple(
            Origin(name="attach", value=each.handle.qualified, source=origins[each.handle.key])
            for each in attached
        ),
        warnings=(*warnings, *note),
    )


def attach(staged: Iterable[StagedInput], layout: Layout) -> tuple[AttachedSource, ...]:
    """Give each source its mount path.

    Raises:
        RequestError: Two sources have one path, as can happen in the classic layout.
    """
    attached: dict[str, AttachedSource] = {}
    for each in staged:
        mount = mount_path(each.handle, layout)
        other = attached.get(str(mount).casefold())
        if other is not None:
            raise RequestError(
                f"{other.handle} and {each.handle} would both be at {mount} in the "
                f"{layout.value} layout.",
                fix="Use --layout nested, or attach one of them only.",
            )
        attached[str(mount).casefold()] = AttachedSource(
            kind=each.handle.kind,
            handle=str(each.handle),
            path=each.folder.resolve(),
            mount=mount,
        )
    return tuple(attached.values())


def _named(places: Places, described: Described, staged: tuple[StagedInput, ...]) -> list[_Wanted]:
    """List what the metadata and `--attach` name."""
    named = [_Wanted(handle, place) for place, said in described.places for handle in said.sources]
    return named + [_Wanted(_in_short(each, staged), each.source) for each in places.attached()]


def _chosen_competition(places: Places) -> list[_Wanted]:
    """Give the one that `--competition` names, or nothing."""
    chosen = places.choose("competition")
    if chosen is None:
        return []
    handle = parse_handle(chosen.text, kind=SourceKind.COMPETITION, where=chosen.source)
    return [_Wanted(handle, chosen.source)]


def _in_short(chosen: Chosen, staged: tuple[StagedInput, ...]) -> Handle:
    """Read a handle of `--attach`. `OWNER/SLUG` may be a notebook, and a model's version may be
    left out: what is staged decides.
    """  # noqa: D205 - one thought, and it does not fit a line
    text = chosen.text.strip().strip("/").casefold()
    fits = [each.handle for each in staged if str(each.handle).casefold() == text]
    if len(fits) == 1:
        return fits[0]
    versions = [
        each.handle
        for each in staged
        if each.handle.kind is SourceKind.MODEL
        and text.removeprefix("models/") == "/".join(each.handle.parts[:-1]).casefold()
    ]
    if versions:
        return max(versions, key=lambda handle: int(handle.parts[-1]))
    return parse_handle(chosen.text, where=chosen.source)


def _unresolved(described: Described, wanted: list[_Wanted]) -> list[str]:
    """Warn of sources known by number only, where they outnumber those named of the same kind."""
    named = Counter(each.handle.kind for each in wanted)
    numbers = [each for _, said in described.places for each in said.unresolved]
    counted = Counter(kind for kind, _ in numbers)
    left = [each for each in numbers if counted[each[0]] > named[each[0]]]
    if not left:
        return []
    text = (
        f"The notebook's metadata attaches {unresolved_text(left)} by number only, which cannot "
        "be turned into a handle offline: attach them by name with --attach HANDLE."
    )
    return [text]


def _everything_text(staged: tuple[StagedInput, ...], inputs: Path) -> str:
    if not staged:
        return f"No source is attached, and nothing is staged in {inputs}."
    return (
        f"No source is attached by name, so everything staged in {inputs} is mounted "
        f"({len(staged)}): on Kaggle only attached sources are there. Name them in "
        "kernel-metadata.json or with --attach."
    )


def _not_staged(
    missing: list[_Wanted], staged: tuple[StagedInput, ...], inputs: Path
) -> RequestError:
    first = missing[0]
    names = ", ".join(f"{each.handle.qualified} ({each.source})" for each in missing)
    near = nearest_handle(first.handle, [each.handle for each in staged])
    hint = f"Did you mean {near.qualified}? Otherwise stage it" if near else "Stage it"
    verb = "is" if len(missing) == 1 else "are"
    return RequestError(
        f"Attached but not staged in {inputs} {verb} {names}.",
        fix=f"{hint}: harness stage folder:PATH {first.handle.qualified} "
        "(bare 'harness stage' restores what inputs.lock names).",
    )


def _competition(
    attached: tuple[StagedInput, ...], chosen: list[_Wanted], *, everything: bool
) -> tuple[StagedInput | None, list[str]]:
    """Find the competition that the submission is for, and what to say about the choice."""
    found = [each for each in attached if each.handle.kind is SourceKind.COMPETITION]
    if chosen:
        return next(each for each in found if each.handle.key == chosen[0].handle.key), []
    if len(found) <= 1:
        return (found[0] if found else None), []
    names = ", ".join(str(each.handle) for each in found)
    if everything:
        note = (
            f"Several competitions are staged ({names}), so no submission is expected: "
            "choose one with --competition SLUG."
        )
        return None, [note]
    return found[0], [f"Several competitions are attached ({names}); {found[0].handle} is taken."]
