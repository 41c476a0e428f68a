"""`harness image`: build the image that the Docker engine runs, or pull Kaggle's own."""

from __future__ import annotations

from pathlib import Path

import click

import harness
from harness.engine.image import Target, make_image

_EPILOG = """\
\b
Examples:
  harness image
  harness image --base-image python:3.12-slim-bookworm
  harness image --target kaggle
"""


@click.command("image", epilog=_EPILOG)
@click.option(
    "--target",
    type=click.Choice([each.value for each in Target]),
    default=Target.SLIM.value,
    show_default=True,
    help="slim: Kaggle's versions on a plain base. test: slim and pytest. kaggle: Kaggle's own GPU "
    "image by digest, pulled (some 23 GB).",
)
@click.option(
    "--base-image",
    metavar="REF",
    help="Base of slim: any image with Python 3.10 to 3.13, its venv module and setpriv.",
)
@click.option(
    "--wheelhouse",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of wheels from elsewhere; they are taken into wheelhouse/ of the clone, which is "
    "filled by pip otherwise.",
)
def image(*, target: str, base_image: str | None, wheelhouse: Path | None) -> None:
    """Build the image for the Docker engine, from mirror.lock and with the network off.

    What the build needs is downloaded first into the wheelhouse, by pip with its own
    configuration; with a full one no network is needed. The image's name is printed on standard
    output.
    """
    chosen = Target(target)
    click.echo(make_image(chosen, _root(), base_image=base_image, wheels=wheelhouse))


def _root() -> Path:
    """The clone that this package runs from, else the current folder."""
    clone = Path(harness.__file__).resolve().parents[1]
    return clone if (clone / "Dockerfile").is_file() else Path.cwd()
