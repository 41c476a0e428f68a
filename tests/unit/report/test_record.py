"""report.json: its fields, its harmlessness, its place on disk."""

import json
import stat
from dataclasses import fields, replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.events import Event, NetworkAttempt, Sample, decode
from harness.report.record import make_report, thin_out, to_json, write
from harness.report.schema import schema, schema_text
from harness.result import Cause, Outcome

PUBLISHED = Path(__file__).parents[3] / "docs" / "reference" / "report.schema.json"
PROMISED = (
    "schema_version",
    "notebook",
    "engine",
    "outcome",
    "cause",
    "cell",
    "passed",
    "advice",
    "limits",
    "usage",
    "cells",
    "events",
    "inputs",
    "fidelity",
)


@pytest.fixture(scope="module")
def validator():
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def test_promised_fields(spec, result, validator):
    record = json.loads(to_json(spec, result))
    validator.validate(record)
    assert set(PROMISED) <= set(record)
    assert record["schema_version"] == 1
    assert (record["outcome"], record["cause"]) == ("Notebook Threw Exception", "missing_model")
    assert (record["cell"], record["passed"], record["engine"]) == (0, False, "docker")
    assert record["limits"][0]["how"] == "enforced"
    assert record["inputs"] == [
        {
            "kind": "competitions",
            "handle": "titanic",
            "mount": "/kaggle/input/competitions/titanic",
        }
    ]


def test_every_kind_of_event_is_valid_and_can_be_read_again(spec, result, validator):
    record = json.loads(to_json(spec, result))
    validator.validate(record)
    assert {event["event"] for event in record["events"]} == {
        kind.kind for kind in Event.__subclasses__()
    }
    assert tuple(decode(json.dumps(event)) for event in record["events"]) == result.events


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("cause", Cause)
def test_every_outcome_and_cause_is_valid(spec, result, validator, outcome, cause):
    verdict = replace(result.verdict, outcome=outcome, cause=cause, cell=None)
    record = json.loads(to_json(spec, replace(result, verdict=verdict, events=())))
    validator.validate(record)
    assert record["passed"] is outcome.passed


def test_several(spec, result, validator):
    one = json.loads(to_json(spec, result))
    validator.validate({"runs": [one, one]})


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "Fine"},
        {"cause": "bad luck"},
        {"cell": -1},
        {"passed": "no"},
        {"more": 1},
        {"events": [{"event": "cell_started", "time_s": 1.0}]},
        {"events": [{"event": "nothing"}]},
        {"schema_version": 2},
    ],
)
def test_schema_refuses(spec, result, validator, change):
    record = json.loads(to_json(spec, result)) | change
    assert not validator.is_valid(record)


@pytest.mark.parametrize("field", PROMISED)
def test_schema_asks_for_every_promised_field(spec, result, validator, field):
    record = json.loads(to_json(spec, result))
    del record[field]
    assert not validator.is_valid(record)


def test_published_schema_is_fresh():
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        "run python -m harness.report.schema docs/reference/report.schema.json"
    )


QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
ANY_TEXT = st.text(st.characters(), max_size=80)


@given(text=ANY_TEXT)
@QUIET
def test_any_text_gives_well_formed_json_that_cannot_act(spec, result, text):
    verdict = replace(result.verdict, summary=text, advice=text, evidence=(text,), warnings=(text,))
    events = (NetworkAttempt(1.0, text, None),)
    told = replace(result, verdict=verdict, events=events)
    made = to_json(replace(spec, fidelity=(text,)), told)
    record = json.loads(made.encode("utf-8"))
    assert record["summary"] == record["evidence"][0] == record["events"][0]["name"]
    assert not any(ord(letter) < 32 and letter != "\n" for letter in made)
    assert not any(127 <= ord(letter) < 160 for letter in made)


def test_numbers_that_json_does_not_have(spec, result):
    events = (Sample(float("nan"), 1, None, float("inf"), 1, 1),)
    record = json.loads(to_json(spec, replace(result, events=events)), parse_constant=pytest.fail)
    assert record["events"][0]["time_s"] is None


def test_samples_are_thinned_out_and_the_peak_stays():
    samples = [Sample(float(at), at % 997, None, 0.0, 0, 1) for at in range(5000)]
    samples[1234] = replace(samples[1234], memory_bytes=10**9)
    kept = thin_out([NetworkAttempt(0.0, "x", None), *samples], most=100)
    assert len(kept) == 101
    assert samples[1234] in kept
    times = [event.time_s for event in kept]
    assert times == sorted(times)


def test_write_is_in_one_step(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    path.write_text("old")
    write(path, "new ü")
    assert path.read_text(encoding="utf-8") == "new ü"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write(path, "newer")
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
    assert path.read_text(encoding="utf-8") == "new ü"


def test_no_field_of_the_verdict_is_left_out(spec, result):
    record = make_report(spec, result).model_dump()
    assert {field.name for field in fields(result.verdict)} <= set(record)
    assert set(record["usage"]) == {field.name for field in fields(result.usage)}
    assert set(record["cells"][0]) == {field.name for field in fields(result.cells[0])}
    assert set(record["limits"][0]) == {field.name for field in fields(result.limits[0])}
