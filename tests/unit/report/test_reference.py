"""The reference names every outcome, cause and field; a new one needs its line there first."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from harness.events import Event
from harness.report.record import Report
from harness.report.schema import schema
from harness.result import Cause, Enforcement, Outcome

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def page(name):
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def headings(text):
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("outcome", Outcome)
def test_outcomes(outcome):
    assert outcome.value in headings(page("outcomes"))


def test_outcomes_stand_in_the_order_of_the_code():
    known = {outcome.value for outcome in Outcome}
    listed = [heading for heading in headings(page("outcomes")) if heading in known]
    assert listed == [outcome.value for outcome in Outcome]


@pytest.mark.parametrize("cause", Cause)
def test_causes(cause):
    assert f"`{cause.value}`" in headings(page("causes"))


def test_no_heading_for_a_cause_that_is_gone():
    listed = {heading.strip("`") for heading in headings(page("causes")) if "`" in heading}
    assert listed == {cause.value for cause in Cause}


def _record_fields():
    for name, definition in schema()["$defs"].items():
        if name.endswith(("Record", "Report")):
            yield from definition["properties"]


@pytest.mark.parametrize("field", sorted(set(_record_fields())))
def test_fields(field):
    assert f"`{field}`" in page("report")


@pytest.mark.parametrize("event", Event.__subclasses__(), ids=lambda event: event.kind)
def test_events(event):
    text = page("report")
    assert f"`{event.kind}`" in text
    for field in fields(event):
        assert f"`{field.name}`" in text


@pytest.mark.parametrize("how", Enforcement)
def test_enforcement(how):
    assert f"*{how.value}*" in page("glossary")


@pytest.mark.parametrize(
    "word",
    ["mirror", "staged input", "lock", "finding", "evidence", "outcome", "cause", "canary",
     "rehearsal", "handle", "attached source", "engine", "runner", "sandbox"],
)  # fmt: skip
def test_glossary(word):
    assert f"**{word}**" in page("glossary")


def test_every_field_of_the_record_says_what_it_is():
    for name, field in Report.model_fields.items():
        assert field.description, name
