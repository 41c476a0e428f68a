"""The help texts, as files that are reviewed like code."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.cli.main import COMMANDS, cli


@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)], ids=str)
def test_help(golden, arguments):
    runner = CliRunner()
    result = runner.invoke(cli, [*arguments, "--help"], prog_name="harness", terminal_width=100)
    assert result.exit_code == 0
    golden("-".join(("help-harness", *arguments)) + ".txt", result.output)


def test_every_command_has_examples():
    for name in COMMANDS:
        result = CliRunner().invoke(cli, [name, "-h"], prog_name="harness", terminal_width=100)
        assert f"harness {name}" in result.output.split("Options:")[1]
