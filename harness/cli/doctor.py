"""`harness doctor`: what this machine can run, and what killed runs left on it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from harness.cli.console import Console

_EPILOG = """\
\b
Examples:
  harness doctor
  harness doctor --fix
  harness doctor --format json

\b
Exit codes: 0 at least one engine can run, 3 none can."""


@click.command(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--fix", is_flag=True, help="Remove what killed runs left behind.")
@click.option(
    "--runs",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    help="Folder of the runs whose disk is looked at (default: runs).",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="A table, or JSON on standard output.",
)
def doctor(*, fix: bool, runs: Path, output_format: str) -> int:
    """Check what runs need: engines, image, mirror, namespaces, size, disk, leftovers."""
    from harness.doctor import can_run, examine  # noqa: PLC0415 - loads the engines

    console = Console(json_mode=output_format == "json", several=False)
    findings = examine(runs.absolute(), fix=fix)
    able = can_run(findings)
    if console.json_mode:
        report = {"can_run": able, "findings": [asdict(each) for each in findings]}
        console.text(json.dumps(report, indent=2, ensure_ascii=True) + "\n")
        return 0 if able else 3
    console.table(
        ("", "what", "found", "what to do"),
        [(each.state.value, each.subject, each.found, each.fix) for each in findings],
    )
    console.line(
        "At least one engine can run notebooks."
        if able
        else "No engine can run notebooks here: mend what is missing for one of them."
    )
    return 0 if able else 3
