"""Which engine isolates the run, with what image or mirror, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.config.model import Host, Origin
from harness.config.places import Places
from harness.errors import PrerequisiteError, RequestError
from harness.kaggle.nearest import suggestion
from harness.spec import EngineName

SLIM_IMAGE = "kaggle-harness:slim"
AUTO = "auto"
_PACKAGES = (
    "Packages: the {} has Kaggle's pins but not all of Kaggle's packages; its Python and torch "
    "differ."
)
_CHOICES = (AUTO, *(each.value for each in EngineName))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenEngine:
    """The engine of a run.

    Attributes:
        name: Which one.
        image: For docker, else None.
        mirror: For bubblewrap, else None.
        gpus: GPUs of this machine that it can pass.
        reason: Why it was taken, one sentence.
        fidelity: What differs from Kaggle because of it.
        origins: Engine and image.
    """

    name: EngineName
    image: str | None
    mirror: Path | None
    gpus: int
    reason: str
    fidelity: tuple[str, ...]
    origins: tuple[Origin, ...]


def resolve_engine(places: Places, host: Host) -> ChosenEngine:
    """Choose the engine: the one asked for, else Docker if it can run the image, else bubblewrap.

    Raises:
        RequestError: No such engine.
        PrerequisiteError: `auto`, and neither can run; or bubblewrap without a mirror.
    """
    chosen = places.choose("engine")
    wanted = chosen.text.strip().casefold() if chosen else AUTO
    if wanted not in _CHOICES:
        text, source = (chosen.text, chosen.source) if chosen else ("", "")
        raise RequestError(
            f"{source}: there is no engine {text!r}.", fix=suggestion(text, _CHOICES)
        )
    asked_image = places.choose("image")
    image = asked_image.text if asked_image else SLIM_IMAGE
    image_origin = Origin(
        name="image", value=image, source=asked_image.source if asked_image else "default"
    )
    source = chosen.source if chosen else "default"
    if wanted == EngineName.DOCKER or (wanted == AUTO and _docker_problem(host, image) is None):
        reason = (
            f"asked for by {source}"
            if wanted == EngineName.DOCKER
            else f"an engine answers and the image {image} is there"
        )
        return _docker(host, image_origin, reason, source)
    if wanted == AUTO and asked_image is not None and host.docker_problem is None:
        # An image was named, so an emulation without it is not what was asked for.
        raise PrerequisiteError(
            f"{asked_image.source}: the image {image} is not on this machine, and a run never "
            "pulls.",
            fix=f"Fetch it with 'docker pull {image}', build one with 'make image', or take "
            "--engine bubblewrap.",
        )
    if wanted == EngineName.BUBBLEWRAP:
        return _bubblewrap(host, f"asked for by {source}", source)
    return _fallback(host, image, source)


def _docker_problem(host: Host, image: str) -> str | None:
    if host.docker_problem is not None:
        return host.docker_problem
    if image in host.docker_images or f"{image}:latest" in host.docker_images:
        return None
    return f"the image {image} is not on this machine, and a run never pulls"


def _fallback(host: Host, image: str, source: str) -> ChosenEngine:
    docker = _docker_problem(host, image)
    problem = host.bubblewrap_problem or (
        None if host.mirror else "there is no mirror (the environment with Kaggle's packages) yet"
    )
    if problem is not None:
        fix = (
            "Make the mirror with 'harness mirror', or the image with 'make image'."
            if host.bubblewrap_problem is None
            else "'harness doctor' says what each engine lacks."
        )
        raise PrerequisiteError(
            f"No engine can run this: Docker: {docker}; bubblewrap: {problem}.", fix=fix
        )
    return _bubblewrap(host, f"Docker is not used because {docker}", source)


def _docker(host: Host, image: Origin, reason: str, source: str) -> ChosenEngine:
    return ChosenEngine(
        name=EngineName.DOCKER,
        image=image.value,
        mirror=None,
        gpus=host.gpus,
        reason=f"Engine docker: {reason}.",
        fidelity=(_PACKAGES.format("slim image"),) if image.value == SLIM_IMAGE else (),
        origins=(Origin(name="engine", value="docker", source=source), image),
    )


def _bubblewrap(host: Host, reason: str, source: str) -> ChosenEngine:
    if host.mirror is None:
        raise PrerequisiteError(
            "There is no mirror (the environment with Kaggle's packages) for bubblewrap to run.",
            fix="Make it with 'harness mirror'.",
        )
    return ChosenEngine(
        name=EngineName.BUBBLEWRAP,
        image=None,
        mirror=host.mirror,
        gpus=0,
        reason=f"Engine bubblewrap: {reason}.",
        fidelity=(
            _PACKAGES.format("mirror"),
            "System programs and libraries are this machine's, not those of Kaggle's image.",
        ),
        origins=(
            Origin(name="engine", value="bubblewrap", source=source),
            Origin(name="mirror", value=str(host.mirror), source="this machine"),
        ),
    )
