"""Reads a submission or its sample row by row, whatever its size: csv (also packed), parquet.

The file comes from an untrusted notebook, so a line, a field and the number of rows are bounded,
and nothing is held but the current row (parquet: the current batch).
"""

from __future__ import annotations

import csv
import gzip
import importlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Protocol, cast

_LINE_CHARACTERS = 64 * 2**20
_BATCH_ROWS = 20_000
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b"

Row = tuple[str | None, ...]


class UnreadableError(Exception):
    """The file is not what its name says; the text is one sentence for a person."""


class NotComparableError(Exception):
    """The file may be fine, but nothing on this machine can read it."""


@dataclass(frozen=True, slots=True)
class Table:
    """An open table.

    Attributes:
        columns: Names, in the order of the file.
        rows: One tuple a row, as long as `columns` (a csv row may be shorter, never longer);
            None for a value that parquet holds as null.
    """

    columns: tuple[str, ...]
    rows: Iterator[Row]


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a table by its suffix: `.parquet`, else csv, compressed or not.

    Raises:
        UnreadableError: Here or while rows are read: encoding, quoting, ragged rows, damaged data.
        NotComparableError: A parquet file, and pyarrow is not installed.
    """
    if path.suffix.casefold() == ".parquet":
        yield _open_parquet(path)
        return
    with ExitStack() as stack:
        stream = stack.enter_context(_unpacked(path, stack))
        yield _open_csv(stream, "\t" if ".tsv" in path.suffixes else ",")


def _unpacked(path: Path, stack: ExitStack) -> IO[bytes]:
    """Open a file by the kind that its suffix says; the contents have to agree."""
    raw = stack.enter_context(path.open("rb"))
    start = raw.read(2)
    raw.seek(0)
    suffix = path.suffix.casefold()
    if suffix == ".gz":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if suffix == ".zip":
        return _only_member(stack, raw)
    if start == _GZIP:
        raise UnreadableError(f"It holds gzip data under a name that ends in {suffix!r}.")
    if start in _UTF16:
        raise UnreadableError("It is UTF-16, and Kaggle reads UTF-8.")
    return raw


def _only_member(stack: ExitStack, raw: IO[bytes]) -> IO[bytes]:
    try:
        packed = stack.enter_context(zipfile.ZipFile(raw))
        names = packed.namelist()
        if len(names) != 1:
            raise UnreadableError(f"The zip file holds {len(names)} files and not one.")
        return packed.open(names[0])
    except (zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: it wants a password
        raise UnreadableError("It is not a zip file, or one that cannot be opened.") from error


def _open_csv(stream: IO[bytes], separator: str) -> Table:
    # Masks and texts are longer than the module's 128 KiB; the bound is ours, on the line.
    csv.field_size_limit(_LINE_CHARACTERS)
    reader = csv.reader(_lines(stream), delimiter=separator, strict=True)
    rows = _csv_rows(reader)
    columns = next(rows, ())
    return Table(columns=tuple(name or "" for name in columns), rows=_checked(rows, len(columns)))


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Decode line by line, so that the place of a wrong byte can be told."""
    number = 0
    try:
        while line := stream.readline(_LINE_CHARACTERS):
            number += 1
            if len(line) == _LINE_CHARACTERS and not line.endswith(b"\n"):
                raise UnreadableError(f"Line {number} is longer than 64 MiB.")
            if b"\0" in line:
                raise UnreadableError(f"Line {number} holds a zero byte.")
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"Line {number} is not UTF-8: byte 0x{error.object[error.start]:02x}."
        ) from error
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableError("The packed data are damaged or cut off.") from error


class _CsvReader(Protocol):
    """What `csv.reader` returns; the module does not name its type."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]:
        """The rows that are left."""


def _csv_rows(reader: _CsvReader) -> Iterator[Row]:
    """Rows of the file; blank lines are passed over, as pandas does."""
    try:
        for row in reader:
            if row:
                yield tuple(row)
    except csv.Error as error:
        raise UnreadableError(f"Line {reader.line_num} is not valid csv: {error}.") from error


def _checked(rows: Iterator[Row], width: int) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        if len(row) > width:
            raise UnreadableError(f"Row {number} has {len(row)} values under {width} column names.")
        yield row


def _open_parquet(path: Path) -> Table:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise NotComparableError("pyarrow is not installed here") from error
    try:
        columns = tuple(str(name) for name in parquet.ParquetFile(path).schema_arrow.names)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these two
        raise UnreadableError("It is not a parquet file, or a damaged one.") from error
    return Table(columns=columns, rows=_parquet_rows(parquet, path))


def _parquet_rows(parquet: ModuleType, path: Path) -> Iterator[Row]:
    try:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=_BATCH_ROWS):
            lists = [column.to_pylist() for column in batch.columns]
            for values in zip(*lists, strict=True):
                yield tuple(None if value is None else str(value) for value in values)
    except (OSError, ValueError) as error:
        raise UnreadableError("The parquet file is damaged.") from error
