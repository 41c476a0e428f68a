"""The command `harness`: finds the subcommand, and alone turns errors into exit codes.

| code | meaning |
|---|---|
| 0 | every run passed |
| 1 | a run did not pass: its report says why |
| 2 | the request is wrong: a flag, a setting, metadata, an input that is not there |
| 3 | this machine cannot serve it: no engine, no image, no mirror, not enough space |
| 70 | a bug in the harness |
| 130 | interrupted |

A subcommand's module is imported when it is called, so that none pays for another's libraries.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from harness.errors import HarnessError
from harness.kaggle.nearest import nearest
from harness.text import one_line, plain

EXIT_REQUEST = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

# Name, and the line about it in `harness --help`. Each is the function of that name in the module
# of that name.
COMMANDS = {
    "verify": "Run notebooks offline under Kaggle's limits and judge them.",
    "stage": "Put models, datasets and competition data into inputs/, locked by hash.",
    "mirror": "Make the environment with Kaggle's pinned packages.",
    "image": "Build the image with Kaggle's pinned packages for Docker.",
    "doctor": "Check this machine, and remove what a killed run left behind.",
}

_LONGEST_MESSAGE = 4000


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the subcommands, the most used first."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand; None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"harness.cli.{cmd_name}"), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"harness.cli.{cmd_name}.{cmd_name} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; a misspelt one gets the nearest suggested."""
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = nearest(name, COMMANDS)
        if near is not None:
            raise click.UsageError(f"No such command {name!r}. Did you mean {near!r}?", ctx)
        if name.endswith(".ipynb"):
            raise click.UsageError(
                f"No such command {name!r}. Did you mean 'harness verify {name}'?", ctx
            )
        raise click.UsageError(f"No such command {name!r}. There are {', '.join(COMMANDS)}.", ctx)


def _version() -> str:
    import importlib.metadata  # noqa: PLC0415 - 20 ms, and few calls need it

    try:
        return importlib.metadata.version("kaggle-harness")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it so
    del parameter
    if value:
        click.echo(f"harness {_version()}")
        context.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'harness COMMAND --help' explains a command and gives examples.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def cli() -> None:
    """Prove a Kaggle notebook offline: same mounts, same limits, no network, and the reason why.

    What passes here passes there; what would fail there fails here, in seconds or minutes.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; those of the process by default.

    Returns:
        The exit code, as in the table above.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in given or bool(os.environ.get("HARNESS_DEBUG"))
    _tolerate_narrow_encodings()
    # pydantic looks for plugins in every installed package, which takes 15 ms; we use none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        with _termination_as_interrupt():
            code = cli.main(given, prog_name="harness", standalone_mode=False)
            sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the last place that can turn it into a message
        return _exit_code_of(error, given, debug=debug)
    return code if isinstance(code, int) else 0


def _exit_code_of(error: BaseException, given: list[str], *, debug: bool) -> int:
    """Say what went wrong, and give the exit code for it."""
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        # click takes an EOFError for an interruption, but here it is a bug.
        error = error.__cause__
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        _say("Interrupted.")
        return EXIT_INTERRUPTED
    if isinstance(error, HarnessError):
        return _refuse(error, debug=debug)
    if isinstance(error, click.ClickException):
        return _wrong_usage(error, given)
    if isinstance(error, BrokenPipeError):
        return _reader_gone()
    return _report_bug(error, given, debug=debug)


def _refuse(error: HarnessError, *, debug: bool) -> int:
    if debug:
        _say(_traceback_of(error))
    _say(f"Error: {one_line(error.problem, most=_LONGEST_MESSAGE)}")
    _say(f"  Fix: {one_line(error.fix, most=_LONGEST_MESSAGE)}")
    return error.exit_code


def _wrong_usage(error: click.ClickException, given: list[str]) -> int:
    _say(f"Error: {one_line(error.format_message(), most=_LONGEST_MESSAGE)}")
    files = [each for each in given if each.startswith("-") and _is_file(each)]
    if files:
        _say(f"  Fix: A file whose name begins with '-' is written './{one_line(files[0])}'.")
    else:
        command = f"harness {given[0]}" if given[0] in COMMANDS else "harness"
        _say(f"  Fix: '{command} --help' shows what can be written.")
    return EXIT_REQUEST


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def _reader_gone() -> int:
    """Whoever read our output closed it (`| head`): say nothing more, also not at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
    return EXIT_INTERRUPTED


def _report_bug(error: BaseException, given: list[str], *, debug: bool) -> int:
    """Write a log that is ready for a bug report, and a short message that says where it is."""
    text = _traceback_of(error)
    if debug:
        _say(text)
    _say(f"Error: The harness has a bug: {one_line(f'{type(error).__name__}: {error}')}.")
    try:
        path = _write_log(f"{_versions(given)}\n\n{text}")
    except OSError as problem:
        _say(f"  Fix: Report what follows; no log could be written ({problem}).\n{text}")
    else:
        _say(f"  Fix: Report it with this log, which names versions and place: {path}")
    return EXIT_BUG


def _write_log(text: str) -> Path:
    import tempfile  # noqa: PLC0415 - only a bug needs it

    import platformdirs  # noqa: PLC0415 - only a bug needs it

    folder = platformdirs.user_log_path("kaggle-harness")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix="bug-", suffix=".log", dir=folder)
    except OSError:
        descriptor, name = tempfile.mkstemp(prefix="harness-bug-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(name)


def _versions(given: list[str]) -> str:
    import importlib.metadata  # noqa: PLC0415 - 20 ms, and only a bug needs it

    system = os.uname()
    lines = [
        f"harness {_version()}, Python {sys.version}",
        f"{system.sysname} {system.release} {system.machine}",
        f"arguments: {given!r}",
    ]
    for name in ("click", "docker", "filelock", "platformdirs", "psutil", "pydantic", "rich"):
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed")
    return "\n".join(lines)


def _traceback_of(error: BaseException) -> str:
    import traceback  # noqa: PLC0415 - only an error needs it

    return "".join(traceback.format_exception(error))


def _say(text: str) -> None:
    """Write to standard error; names of files and the like cannot act in the terminal."""
    sys.stderr.write(plain(text) + "\n")
    sys.stderr.flush()


def _tolerate_narrow_encodings() -> None:
    """Let a terminal without Unicode show an escape in place of stopping the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., Any] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a run as Ctrl-C does: with everything cleared away."""

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    try:
        before = [signal.signal(number, interrupt) for number in numbers]
    except ValueError:
        # Not the main thread: whoever runs us there handles signals.
        yield
        return
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
