"""Stage one input: fetch it, put it in its place, write it into the lock."""

from __future__ import annotations

from pathlib import Path

from harness.kaggle.handles import Handle
from harness.staging import transfer
from harness.staging.lock import LockedInput, read_lock, write_lock
from harness.staging.sources import parse_source
from harness.staging.sources.licences import UNKNOWN, spdx
from harness.staging.statcache import StatCache


def stage(
    source: str, handle: Handle, *, inputs: Path, lock: Path, licence: str | None = None
) -> LockedInput:
    """Stage the files of a source under a handle, in place of what was staged there.

    Args:
        source: As `parse_source` reads it; relative paths start from the current folder.
        handle: Where it belongs.
        inputs: The folder `inputs/`; made if need be.
        lock: The file `inputs.lock`; made if need be.
        licence: What the user says; None to take what the source states, else what the lock said
            before, else `unknown`.

    Returns:
        What stands in the lock now.

    Raises:
        RequestError: The source is wrong or not there, or the lock is not valid.
        PrerequisiteError: No space, no pip, or a folder that is not writable.
    """
    before = read_lock(lock).find(handle.qualified)
    base = lock.parent
    origin = parse_source(source, Path.cwd())
    with transfer.claim(inputs, handle) as place:
        fetched = origin.fetch(place.scratch)
        transfer.check_space(place.partial, sum(each.size_bytes for each in fetched.files))
        copied = transfer.copy_files(fetched.files, place.partial)
        stated = (licence and (spdx(licence) or licence)) or fetched.licence
        entry = LockedInput(
            handle=handle.qualified,
            source=origin.text_from(base),
            revision=fetched.revision,
            licence=stated or (before.licence if before is not None else UNKNOWN),
            files=copied,
        )
        transfer.install(place)
        StatCache(place.target).learn(copied)
        with transfer.hold(inputs, "inputs.lock"):
            write_lock(lock, read_lock(lock).with_input(entry))
    return entry
