"""Compares a submission with the competition's sample: columns, rows, ids, nulls.

Both files are streamed. Ids are compared as a set that may hold an id more than once, by adding up
a hash of each: two sums that agree mean the same ids in whatever order, in constant memory.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.judge.table import Row, Table, open_table
from harness.result import Cause
from harness.text import one_line

# What pandas reads as a missing value. Source: pandas 2.2.2, pandas/_libs/parsers.pyx
# (STR_NA_VALUES), read 2026-11.
_NULLS = frozenset(
    {
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
        "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    }
)  # fmt: skip
_INFINITE = frozenset({"inf", "-inf", "+inf", "infinity", "-infinity"})
_INTEGRAL = re.compile(r"[+-]?\d+(?:\.0*)?")
_MODULUS = 2**128
_LISTED = 3
_LISTABLE_IDS = 200_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a submission.

    Attributes:
        cause: One of the submission's causes.
        summary: One sentence.
        evidence: More, one sentence each.
    """

    cause: Cause
    summary: str
    evidence: tuple[str, ...] = ()


@dataclass(slots=True)
class _Digest:
    """What is kept of a table once its rows are gone."""

    rows: int = 0
    ids: int = 0
    normal_ids: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    first_null: dict[str, int] = field(default_factory=dict)
    infinite: Counter[str] = field(default_factory=Counter)
    too_many: bool = False


def compare(submission: Path, sample: Path | None) -> tuple[Finding | None, tuple[str, ...]]:
    """Compare a submission with its sample.

    Args:
        submission: The notebook's file.
        sample: None when the competition has none here: then only emptiness is judged.

    Returns:
        What is wrong first, or None; and warnings about what is not wrong but unusual.

    Raises:
        UnreadableError: The submission cannot be read.
        NotComparableError: One of the two cannot be read on this machine.
    """
    if sample is None:
        with open_table(submission) as table:
            return _emptiness(table), ()
    with open_table(sample) as table:
        expected_columns, expected = table.columns, _digest(table, most=None)
    with open_table(submission) as table:
        if found := _columns(expected_columns, table.columns):
            return found, ()
        order = tuple(table.columns.index(name) for name in expected_columns)
        got = _digest(_reordered(table, order), most=2 * expected.rows + 1000)
    warnings = _oddities(expected_columns, table.columns, expected, got)
    found = (
        _rows(expected, got)
        or _ids(expected, got, expected_columns, submission, sample)
        or _nulls(expected, got)
    )
    return found, warnings


def _emptiness(table: Table) -> Finding | None:
    if table.columns and next(table.rows, None) is not None:
        return None
    return Finding(Cause.SUBMISSION_EMPTY, "The submission file holds no rows.")


def _columns(expected: tuple[str, ...], got: tuple[str, ...]) -> Finding | None:
    if not got:
        return Finding(Cause.SUBMISSION_EMPTY, "The submission file is empty.")
    missing = [name for name in expected if name not in got]
    extra = [name for name in got if name not in expected]
    repeated = sorted(name for name, count in Counter(got).items() if count > 1)
    if not missing and not extra and not repeated:
        return None
    parts = [
        f"{word}: {_names(names)}"
        for word, names in (("missing", missing), ("unexpected", extra), ("repeated", repeated))
        if names
    ]
    return Finding(
        Cause.SUBMISSION_COLUMNS,
        f"The columns of the submission are not those of the sample; {'; '.join(parts)}.",
        (f"Expected {_names(expected)}; found {_names(got)}.",),
    )


def _rows(expected: _Digest, got: _Digest) -> Finding | None:
    if not got.rows and expected.rows:
        return Finding(
            Cause.SUBMISSION_EMPTY, "The submission file holds column names but no rows."
        )
    if got.rows == expected.rows:
        return None
    found = f"more than {got.rows:,}" if got.too_many else f"{got.rows:,}"
    return Finding(
        Cause.SUBMISSION_ROWS,
        f"The submission has {found} rows and the sample {expected.rows:,}.",
    )


def _ids(
    expected: _Digest, got: _Digest, columns: tuple[str, ...], submission: Path, sample: Path
) -> Finding | None:
    if expected.normal_ids == got.normal_ids:
        return None
    evidence = []
    if expected.rows <= _LISTABLE_IDS:
        want, have = _id_counts(sample, columns[0]), _id_counts(submission, columns[0])
        for word, ids in (("Missing", want - have), ("Unexpected", have - want)):
            if ids:
                count = sum(ids.values())
                evidence.append(f"{word} ({count:,}): {_names(sorted(ids)[:_LISTED], count)}.")
        if repeated := sorted(each for each, count in have.items() if count > want[each] > 0):
            evidence.append(f"Repeated: {_names(repeated[:_LISTED], len(repeated))}.")
    return Finding(
        Cause.SUBMISSION_IDS,
        f"The ids in column {columns[0]!r} are not those of the sample.",
        tuple(evidence),
    )


def _nulls(expected: _Digest, got: _Digest) -> Finding | None:
    wrong = [name for name in got.nulls if not expected.nulls[name]]
    if not wrong:
        return None
    name = max(wrong, key=lambda each: (got.nulls[each], each))
    return Finding(
        Cause.SUBMISSION_NULLS,
        f"The submission has {got.nulls[name]:,} empty or NaN values in column {name!r}.",
        tuple(
            f"Column {each!r}: {got.nulls[each]:,} of {got.rows:,} rows, first in row "
            f"{got.first_null[each]:,}."
            for each in sorted(wrong)
        ),
    )


def _oddities(
    expected_columns: tuple[str, ...], columns: tuple[str, ...], expected: _Digest, got: _Digest
) -> tuple[str, ...]:
    warnings = []
    if columns != expected_columns:
        warnings.append("The submission's columns are in another order than the sample's.")
    if expected.normal_ids == got.normal_ids and expected.ids != got.ids:
        warnings.append("The ids are written differently than in the sample, as 1.0 is for 1.")
    warnings += [
        f"The submission has {count:,} infinite values in column {name!r}."
        for name, count in sorted(got.infinite.items())
        if not expected.infinite[name]
    ]
    return tuple(warnings)


def _reordered(table: Table, order: tuple[int, ...]) -> Table:
    """The table with the sample's order of columns; a short row gets nulls, as in pandas."""
    names = tuple(table.columns[index] for index in order)
    width = len(order)

    def padded(row: Row) -> Row:
        full = row + (None,) * (width - len(row))
        return tuple(full[index] for index in order)

    return Table(columns=names, rows=(padded(row) for row in table.rows))


def _digest(table: Table, *, most: int | None) -> _Digest:
    """Read all rows, or as many as `most` and one more."""
    digest, columns = _Digest(), table.columns
    for row in table.rows:
        if most is not None and digest.rows >= most:
            digest.too_many = True
            break
        digest.rows += 1
        digest.ids = (digest.ids + _hash(row[0] or "")) % _MODULUS
        digest.normal_ids = (digest.normal_ids + _hash(_normal(row[0] or ""))) % _MODULUS
        for name, value in zip(columns, row, strict=False):
            if value is None or value in _NULLS:
                digest.nulls[name] += 1
                digest.first_null.setdefault(name, digest.rows)
            elif value.casefold() in _INFINITE:
                digest.infinite[name] += 1
    return digest


def _hash(value: str) -> int:
    return int.from_bytes(hashlib.blake2b(value.encode("utf-8"), digest_size=16).digest())


def _normal(value: str) -> str:
    """An id as pandas would compare it: `1`, `1.0` and `01` are one number."""
    value = value.strip()
    return str(int(value.partition(".")[0])) if _INTEGRAL.fullmatch(value) else value


def _id_counts(path: Path, column: str) -> Counter[str]:
    with open_table(path) as table:
        index = table.columns.index(column)
        return Counter(_normal(row[index] or "") for row in table.rows if index < len(row))


def _names(names: Iterable[str], count: int | None = None) -> str:
    shown = [repr(one_line(name, most=60)) for name in names]
    total = len(shown) if count is None else count
    listed = shown[: max(_LISTED, 12)]
    return ", ".join(listed) + (f" and {total - len(listed):,} more" if total > len(listed) else "")
