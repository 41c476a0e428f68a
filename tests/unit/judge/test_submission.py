"""The submission file: there, named, in its folder, and of the sample's form."""

import gzip
import sys
import tracemalloc
import types
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.judge.submission import check_submission
from harness.result import Cause
from harness.spec import Submission

SAMPLE = "id,target\n1,0\n2,0\n3,0\n"


@pytest.fixture
def check(tmp_path):
    def run(content, *, sample=SAMPLE, name="submission.csv", competition="titanic", **files):
        output = tmp_path / "output"
        output.mkdir(exist_ok=True)
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (output / name).write_bytes(data)
        for path, text in files.get("others", {}).items():
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            (output / path).write_text(text)
        sample_path = None
        if sample is not None:
            sample_path = tmp_path / "sample_submission.csv"
            sample_path.write_text(sample)
        wanted = Submission(file_name=name, competition=competition, sample=sample_path)
        return check_submission(wanted, output)

    return run


GOOD = {
    "same": SAMPLE,
    "other order": "id,target\n3,0.5\n1,0.2\n2,0.9\n",
    "bom": "\ufeff" + SAMPLE,
    "windows line ends": SAMPLE.replace("\n", "\r\n"),
    "no newline at the end": SAMPLE.rstrip("\n"),
    "blank lines": "id,target\n1,0\n\n2,0\n3,0\n\n",
    "quoted": 'id,target\n"1","a, b"\n"2","a\nb"\n"3","say ""x"""\n',
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_good(check, content):
    assert check(content) == (None, ())


BAD = {
    "no bytes": ("", Cause.SUBMISSION_EMPTY),
    "header only": ("id,target\n", Cause.SUBMISSION_EMPTY),
    "blank": ("\n\n", Cause.SUBMISSION_EMPTY),
    "other column": ("id,label\n1,0\n2,0\n3,0\n", Cause.SUBMISSION_COLUMNS),
    "index written": (",id,target\n0,1,0\n1,2,0\n2,3,0\n", Cause.SUBMISSION_COLUMNS),
    "column twice": ("id,target,target\n1,0,0\n2,0,0\n3,0,0\n", Cause.SUBMISSION_COLUMNS),
    "no header": ("1,0\n2,0\n3,0\n", Cause.SUBMISSION_COLUMNS),
    "semicolons": (SAMPLE.replace(",", ";"), Cause.SUBMISSION_COLUMNS),
    "a row less": ("id,target\n1,0\n2,0\n", Cause.SUBMISSION_ROWS),
    "a row more": (SAMPLE + "4,0\n", Cause.SUBMISSION_ROWS),
    "another id": ("id,target\n1,0\n2,0\n4,0\n", Cause.SUBMISSION_IDS),
    "an id twice": ("id,target\n1,0\n2,0\n2,0\n", Cause.SUBMISSION_IDS),
    "NaN": ("id,target\n1,0\n2,NaN\n3,0\n", Cause.SUBMISSION_NULLS),
    "nothing": ("id,target\n1,0\n2,\n3,0\n", Cause.SUBMISSION_NULLS),
    "short row": ("id,target\n1,0\n2\n3,0\n", Cause.SUBMISSION_NULLS),
    "long row": ("id,target\n1,0\n2,0,0\n3,0\n", Cause.SUBMISSION_UNREADABLE),
    "Windows-1252": (
        "id,target\n1,caf\xe9\n2,0\n3,0\n".encode("cp1252"),
        Cause.SUBMISSION_UNREADABLE,
    ),
    "UTF-16": (SAMPLE.encode("utf-16"), Cause.SUBMISSION_UNREADABLE),
    "zero bytes": (b"id,target\n1,\0\n2,0\n3,0\n", Cause.SUBMISSION_UNREADABLE),
    "gzip under csv": (gzip.compress(SAMPLE.encode()), Cause.SUBMISSION_UNREADABLE),
    "open quote": ('id,target\n1,0\n2,"0\n3,0\n', Cause.SUBMISSION_UNREADABLE),
    "random bytes": (bytes(range(128, 256)), Cause.SUBMISSION_UNREADABLE),
}


@pytest.mark.parametrize(("content", "cause"), BAD.values(), ids=BAD)
def test_bad(check, content, cause):
    finding, _ = check(content)
    assert finding.cause is cause


def test_missing(check):
    finding, _ = check(None, others={"model.txt": "x", "sample_submission.csv": SAMPLE})
    assert finding.cause is Cause.SUBMISSION_MISSING
    assert "/kaggle/working/submission.csv" in finding.summary


@pytest.mark.parametrize(
    "path", ["out/submission.csv", "Submission.csv", "submission.parquet", "my_submission.csv"]
)
def test_elsewhere(check, path):
    finding, _ = check(None, others={path: SAMPLE})
    assert finding.cause is Cause.SUBMISSION_ELSEWHERE
    assert f"/kaggle/working/{path}" in finding.summary


def test_the_likeliest_of_several_is_named(check):
    others = {"a/b/submission.csv": SAMPLE, "a/submission.csv": SAMPLE, "submission_2.csv": SAMPLE}
    finding, _ = check(None, others=others)
    assert "/kaggle/working/a/submission.csv" in finding.summary


def test_a_folder_or_a_link_of_that_name_is_no_submission(check, tmp_path):
    (tmp_path / "output" / "submission.csv").mkdir(parents=True)
    assert check(None)[0].cause is Cause.SUBMISSION_MISSING
    (tmp_path / "output" / "submission.csv").rmdir()
    (tmp_path / "output" / "submission.csv").symlink_to("/etc/passwd")
    assert check(None)[0].cause is Cause.SUBMISSION_MISSING


def test_without_a_competition_nothing_is_required(check):
    assert check(None, competition=None) == (None, ())


def test_without_a_sample_only_emptiness_is_judged(check):
    assert check("whatever,columns\n1,2\n", sample=None) == (None, ())
    assert check("whatever,columns\n", sample=None)[0].cause is Cause.SUBMISSION_EMPTY


def test_other_order_of_columns_is_a_warning(check):
    finding, warnings = check("target,id\n0,1\n0,2\n0,3\n")
    assert finding is None
    assert len(warnings) == 1


def test_ids_as_floats_are_a_warning(check):
    finding, warnings = check("id,target\n1.0,0\n2.0,0\n3.0,0\n")
    assert finding is None
    assert "written differently" in warnings[0]


def test_infinite_values_are_a_warning(check):
    finding, warnings = check("id,target\n1,inf\n2,0\n3,-inf\n")
    assert finding is None
    assert "2 infinite" in warnings[0]


def test_nulls_that_the_sample_has_too_are_fine(check):
    sample = "id,text\n1,\n2,\n"
    assert check("id,text\n1,\n2,x\n", sample=sample) == (None, ())


def test_ids_are_named(check):
    finding, _ = check("id,target\n1,0\n2,0\n9,0\n")
    assert finding.evidence == ("Missing (1): '3'.", "Unexpected (1): '9'.")


def test_long_format_keeps_repeated_ids(check):
    sample = "id,target\n1,0\n1,0\n2,0\n"
    assert check("id,target\n2,0\n1,0\n1,0\n", sample=sample) == (None, ())
    assert check("id,target\n2,0\n2,0\n1,0\n", sample=sample)[0].cause is Cause.SUBMISSION_IDS


def test_long_fields_are_read(check):
    assert check("id,target\n1," + "7 " * 300_000 + "\n2,0\n3,0\n") == (None, ())


def test_compressed(check):
    content = gzip.compress(SAMPLE.encode())
    assert check(content, name="submission.csv.gz") == (None, ())
    finding, _ = check(content[:20], name="submission.csv.gz")
    assert finding.cause is Cause.SUBMISSION_UNREADABLE


def test_a_bomb_of_rows_is_not_read_to_its_end(check):
    content = gzip.compress(SAMPLE.encode() + b"9,0\n" * 3_000_000)
    finding, _ = check(content, name="submission.csv.gz")
    assert finding.cause is Cause.SUBMISSION_ROWS
    assert "more than 1,006" in finding.summary


def test_zipped_sample(tmp_path):
    sample = tmp_path / "sample_submission.csv.zip"
    with zipfile.ZipFile(sample, "w") as packed:
        packed.writestr("sample_submission.csv", SAMPLE)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "submission.csv").write_text(SAMPLE)
    wanted = Submission(file_name="submission.csv", competition="x", sample=sample)
    assert check_submission(wanted, tmp_path / "output") == (None, ())


def test_a_large_file_costs_little_memory(check):
    rows = "".join(f"{number},0.123456789\n" for number in range(40_000))
    content = "id,target\n" + rows
    check(content, sample=content)  # imports and caches are not what is measured
    tracemalloc.start()
    assert check(None, sample=content) == (None, ())
    peak = tracemalloc.get_traced_memory()[1] - 2 * len(content)
    tracemalloc.stop()
    assert peak < 2**20


def test_parquet_without_pyarrow_is_observed_not_compared(check, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    finding, warnings = check(b"PAR1", name="submission.parquet")
    assert finding is None
    assert warnings == (
        "submission.parquet is observed, not compared: pyarrow is not installed here.",
    )


class _Column:
    def __init__(self, values):
        self._values = values

    def to_pylist(self):
        return self._values


class _ParquetFile:
    """Keeps the promises of pyarrow's class that are used, on a csv text."""

    def __init__(self, path):
        text = path.read_text()
        if not text.startswith("id"):
            raise ValueError("not a parquet file")
        header, *self._rows = [line.split(",") for line in text.splitlines()]
        self.schema_arrow = types.SimpleNamespace(names=header)

    def iter_batches(self, batch_size):
        for start in range(0, len(self._rows), batch_size):
            part = self._rows[start : start + batch_size]
            columns = [
                _Column([value or None for value in each]) for each in zip(*part, strict=True)
            ]
            yield types.SimpleNamespace(columns=columns)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (SAMPLE, None),
        ("id,target\n1,0\n2,\n3,0\n", Cause.SUBMISSION_NULLS),
        ("id,target\n1,0\n", Cause.SUBMISSION_ROWS),
        ("id,label\n1,0\n2,0\n3,0\n", Cause.SUBMISSION_COLUMNS),
        ("PAR0", Cause.SUBMISSION_UNREADABLE),
    ],
)
def test_parquet(check, monkeypatch, content, cause):
    module = types.SimpleNamespace(ParquetFile=_ParquetFile)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", module)
    finding, _ = check(content, name="submission.parquet")
    assert (finding and finding.cause) == cause


def test_parquet_for_real(check, tmp_path):
    reason = "pip install pyarrow turns it on"
    pyarrow = pytest.importorskip("pyarrow", reason=reason)
    parquet = pytest.importorskip("pyarrow.parquet", reason=reason)
    path = tmp_path / "made.parquet"
    table = pyarrow.table({"id": [3, 1, 2], "target": [0.5, 0.1, 0.2]})
    parquet.write_table(table, path)
    assert check(path.read_bytes(), name="submission.parquet") == (None, ())
    table = pyarrow.table({"id": [3, 1, 2], "target": [0.5, None, float("nan")]})
    parquet.write_table(table, path)
    finding, _ = check(path.read_bytes(), name="submission.parquet")
    assert (finding.cause, "2 empty" in finding.summary) == (Cause.SUBMISSION_NULLS, True)
    assert check(b"PAR1xx", name="submission.parquet")[0].cause is Cause.SUBMISSION_UNREADABLE


QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


@given(seed=st.randoms(use_true_random=False), ids=st.lists(st.integers(), unique=True, min_size=1))
@QUIET
def test_any_order_of_the_same_ids_is_good(check, seed, ids):
    shuffled = list(ids)
    seed.shuffle(shuffled)
    sample = "id,target\n" + "".join(f"{each},0\n" for each in ids)
    assert check("id,target\n" + "".join(f"{e},1\n" for e in shuffled), sample=sample) == (None, ())


@given(content=st.binary(max_size=300))
@QUIET
def test_any_bytes_are_judged(check, content):
    finding, _ = check(content)
    assert finding is not None
    assert finding.cause.value.startswith("submission_")
