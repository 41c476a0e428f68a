"""The published JSON schema of report.json.

Run `python -m harness.report.schema docs/reference/report.schema.json` after a change of the
record; a test holds the file to the code.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from harness.events import Event
from harness.report.record import Report, Reports, write

_KINDS = {event.kind: event for event in Event.__subclasses__()}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Make the schema: one run's record, or `{"runs": [...]}` of several."""
    _, top = models_json_schema(
        [(Report, "serialization"), (Reports, "serialization")],
        ref_template="#/$defs/{model}",
    )
    definitions: dict[str, Any] = top["$defs"]
    for kind, event in _KINDS.items():
        definitions[event.__name__] = _event_schema(kind, event)
    events = definitions["Report"]["properties"]["events"]
    events["items"] = {"oneOf": [{"$ref": f"#/$defs/{each.__name__}"} for each in _KINDS.values()]}
    return {
        "$schema": _DIALECT,
        "title": "report.json of the Kaggle notebook harness, version 1",
        "anyOf": [{"$ref": "#/$defs/Report"}, {"$ref": "#/$defs/Reports"}],
        "$defs": dict(sorted(definitions.items())),
    }


def _event_schema(kind: str, event: type) -> dict[str, Any]:
    made = TypeAdapter(event).json_schema(mode="serialization")
    made["properties"] = {"event": {"const": kind}, **made["properties"]}
    made["required"] = list(made["properties"])  # a record always writes every field
    made["additionalProperties"] = False
    made["description"] = (event.__doc__ or "").strip().partition("\n")[0]
    return made


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the schema to the file named on the command line, or to standard output."""
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]), schema_text())
    else:
        sys.stdout.write(schema_text())


if __name__ == "__main__":
    main()
