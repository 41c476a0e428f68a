"""The order in which a request becomes a `RunSpec`; each step is a neighbour's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from harness.config.engine import ChosenEngine, resolve_engine
from harness.config.limits import LimitsDraft, resolve_limits
from harness.config.model import Host, Origin, Probe, Request, Resolved
from harness.config.notebook_file import Described, describe, find_notebook, safe_name
from harness.config.places import Places, read_places
from harness.config.sources import attach, resolve_sources
from harness.config.submission import resolve_submission
from harness.errors import RequestError
from harness.kaggle.environment import ESSENTIAL, session_environment
from harness.kaggle.nearest import suggestion
from harness.kaggle.profiles import DEFAULT_PROFILE, Profile, find_profile
from harness.spec import Accelerator, EngineName, Layout, RunSpec


def what_to_probe(request: Request) -> Probe:
    """Say what has to be known of the machine before `resolve`, so that no more is looked at.

    Raises:
        RequestError: As `resolve`, for the notebook and the settings file.
    """
    places = read_places(request, find_notebook(request.notebook, request.cwd))
    runs, _ = _folder(places, "runs")
    engine = places.choose("engine")
    bubblewrap_only = engine is not None and engine.text.strip().casefold() == EngineName.BUBBLEWRAP
    return Probe(runs=runs, docker=not bubblewrap_only)


def resolve(request: Request, host: Host) -> Resolved:
    """Turn what was asked into exactly what will be run.

    Rising order: profile, kernel-metadata.json, metadata.kaggle, harness.toml, `HARNESS_*`, flags.

    Args:
        request: One notebook and what the caller said.
        host: This machine.

    Raises:
        RequestError: A wrong value, with the nearest known one; a notebook or source that is not
            there.
        PrerequisiteError: No engine can run it, or the disk is full.
    """
    notebook = find_notebook(request.notebook, request.cwd)
    places = read_places(request, notebook)
    described = describe(notebook)
    profile, profile_origin = _profile(places, described)
    layout, layout_origin = _layout(places)
    inputs, inputs_origin = _folder(places, "inputs")
    runs, runs_origin = _folder(places, "runs")
    sources = resolve_sources(places, described, inputs)
    submission, submission_origins = resolve_submission(places, sources.competition)
    draft = LimitsDraft(places, profile)
    limits = resolve_limits(draft, profile, host, competition=submission.competition is not None)
    # Last of all, so that a wrong request is told as one also where no engine could run it.
    engine = resolve_engine(places, host)
    session = _session(places, profile, engine)
    spec = RunSpec(
        notebook=notebook,
        name=safe_name(notebook),
        profile=profile.name,
        accelerator=session.accelerator,
        limits=limits,
        sources=attach(sources.staged, layout),
        layout=layout,
        environment=session.environment,
        submission=submission,
        engine=engine.name,
        image=engine.image,
        mirror=engine.mirror,
        runs=runs,
        fidelity=(*session.fidelity, *engine.fidelity, *draft.fidelity),
    )
    groups = (
        engine.origins,
        (profile_origin,),
        draft.origins,
        (layout_origin, inputs_origin),
        sources.origins,
        submission_origins,
        session.origins,
        (runs_origin,),
    )
    remarks = (
        places.warnings,
        described.warnings,
        session.warnings,
        draft.warnings,
        sources.warnings,
    )
    return Resolved(
        spec=spec,
        engine_reason=engine.reason,
        origins=tuple(chain.from_iterable(groups)),
        warnings=tuple(chain.from_iterable(remarks)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """Accelerator and environment, with what there is to say about them."""

    accelerator: Accelerator
    environment: dict[str, str]
    origins: tuple[Origin, ...]
    warnings: tuple[str, ...]
    fidelity: tuple[str, ...]


def _profile(places: Places, described: Described) -> tuple[Profile, Origin]:
    name, source = DEFAULT_PROFILE, "default"
    for place, said in described.places:
        if said.profile is not None:
            name, source = said.profile, place
    chosen = places.choose("profile")
    if chosen is not None:
        name, source = chosen.text, chosen.source
    profile = find_profile(name, where=source)
    return profile, Origin(name="profile", value=profile.name, source=source)


def _session(places: Places, profile: Profile, engine: ChosenEngine) -> _Session:
    accelerator = Accelerator(
        name=profile.accelerator, wanted=profile.gpus, present=min(profile.gpus, engine.gpus)
    )
    environment = session_environment(gpus=accelerator.present)
    warnings, fidelity, origins = [], [], []
    if profile.retired:
        warnings.append(f"Profile {profile.name}: {profile.retired}. Use --profile gpu-t4x2.")
    if accelerator.present < accelerator.wanted:
        given = f"{accelerator.present} of {accelerator.wanted} GPUs ({accelerator.name})"
        fidelity.append(f"Accelerator: {given} here.")
        end = (
            "."
            if accelerator.present
            else ": the run goes on without, and can at most be 'Passed without GPU'."
        )
        warnings.append(f"The {engine.name.value} engine gives the run {given} here{end}")
    for name, chosen in places.variables().items():
        if name in ESSENTIAL and environment.get(name) != chosen.text:
            text = f"{name} is changed by {chosen.source}, so the session is not Kaggle's."
            warnings.append(text)
            fidelity.append(text)
        environment[name] = chosen.text
        origins.append(Origin(name=f"env.{name}", value=chosen.text, source=chosen.source))
    return _Session(
        accelerator=accelerator,
        environment=environment,
        origins=tuple(origins),
        warnings=tuple(warnings),
        fidelity=tuple(fidelity),
    )


def _layout(places: Places) -> tuple[Layout, Origin]:
    chosen = places.choose("layout")
    if chosen is None:
        return Layout.NESTED, Origin(name="layout", value="nested", source="default")
    try:
        layout = Layout(chosen.text.strip().casefold())
    except ValueError as error:
        raise RequestError(
            f"{chosen.source}: there is no layout {chosen.text!r}.",
            fix=suggestion(chosen.text, [each.value for each in Layout]),
        ) from error
    return layout, Origin(name="layout", value=layout.value, source=chosen.source)


def _folder(places: Places, name: str) -> tuple[Path, Origin]:
    """Find `inputs` or `runs`: as set, else beside harness.toml, else in the current folder."""
    chosen = places.choose(name)
    if chosen is not None:
        path, source = (chosen.folder / Path(chosen.text).expanduser()).resolve(), chosen.source
    else:
        path = ((places.settings_folder or places.places[-1].folder) / name).resolve()
        source = "beside harness.toml" if places.settings_folder else "default"
    if name == "inputs" and chosen is not None and not path.is_dir():
        raise RequestError(
            f"{source}: there is no folder {str(path)!r}.", fix="Check the path of the inputs."
        )
    if path.exists() and not path.is_dir():
        raise RequestError(
            f"{source}: {str(path)!r} is not a folder.", fix=f"Name a folder: --{name} DIR."
        )
    return path, Origin(name=name, value=str(path), source=source)
