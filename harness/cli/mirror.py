"""`harness mirror`: make the environment with Kaggle's packages, or say where it is."""

from __future__ import annotations

import click

from harness.engine import mirror as mirrors
from harness.errors import PrerequisiteError

_EPILOG = """\
\b
Examples:
  harness mirror
  $(harness mirror --locate)/bin/python -m pip list
  HARNESS_MIRROR=/big/disk/mirror harness mirror
"""


@click.command("mirror", epilog=_EPILOG)
@click.option("--locate", is_flag=True, help="Only say where it is; fail when there is none.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when it is there already.")
def mirror(*, locate: bool, quiet: bool) -> None:
    """Make the mirror: a virtual environment with the packages of Kaggle's image.

    The bubblewrap engine runs notebooks in it. It is made once, from mirror.lock, by pip with its
    own configuration, and lies in your cache folder (HARNESS_MIRROR names another place). Its path
    is printed on standard output.
    """
    found = mirrors.locate()
    if found is None and locate:
        raise PrerequisiteError("There is no mirror yet.", fix="Make it with 'harness mirror'.")
    if not locate:
        found = mirrors.build(say=lambda line: click.echo(line, err=True), quiet=quiet)
    if found is None or quiet:
        return
    click.echo(found.path)
    if not locate:
        for each in mirrors.older():
            click.echo(f"An older mirror, not used any more: rm -r {each}", err=True)
