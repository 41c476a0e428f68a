"""`harness verify`: from flags to requests, from results to output and exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli.console import Console
from harness.config import Request, Resolved, Settings, resolve, what_to_probe
from harness.errors import RequestError
from harness.kaggle.nearest import suggestion

if TYPE_CHECKING:
    from harness.config import Host
    from harness.result import RunResult

_EPILOG = """\
\b
Examples:
  harness verify submit.ipynb
  harness verify submit.ipynb --competition titanic --memory 8GiB
  harness verify submit.ipynb --attach google/bert/pytorch/base/1 --time-limit 30min
  harness verify notebooks/*.ipynb -j 2 --format json > reports.json
  harness verify submit.ipynb --print-spec
  harness verify submit.ipynb --engine docker --dry-run

\b
Values come, in rising order, from kernel-metadata.json beside the notebook, the notebook's own
metadata, harness.toml, variables such as HARNESS_MEMORY, and these options.

\b
Exit codes: 0 passed, 1 not passed, 2 wrong request, 3 this machine cannot serve it, 70 a bug in
the harness, 130 interrupted."""

_FORMATS = ("text", "json")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _choose_format(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Check `--format`, with the nearest known one for a misspelt one."""
    del context
    if value not in _FORMATS:
        raise click.BadParameter(f"{value!r}. {suggestion(value, _FORMATS)}", param=parameter)
    return value


# One row an option: its flags, then what click needs. The names are the fields of `Settings`.
_SETTINGS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--engine",), {"metavar": "auto|docker|bubblewrap", "help": "Who isolates the run."}),
    (
        ("--profile",),
        {
            "metavar": "NAME",
            "help": "Kaggle's session: cpu, gpu-t4x2 (default), gpu-p100 (retired).",
        },
    ),
    (
        ("--time-limit",),
        {"metavar": "TIME", "help": "Whole run, e.g. 9h (default 12h; 9h for a competition)."},
    ),
    (("--memory",), {"metavar": "SIZE", "help": "Memory, no swap on top, e.g. 29GiB."}),
    (("--disk",), {"metavar": "SIZE", "help": "Everything in /kaggle/working, e.g. 20GB."}),
    (("--cpus",), {"metavar": "N", "help": "Processor cores."}),
    (("--shm",), {"metavar": "SIZE", "help": "Shared memory (/dev/shm), e.g. 2GiB."}),
    (("--processes",), {"metavar": "N", "help": "Processes and threads at one time."}),
    (
        ("--grace",),
        {"metavar": "TIME", "help": "From the soft stop at the time limit to the hard one."},
    ),
    (
        ("--layout",),
        {"metavar": "nested|classic", "help": "Where /kaggle/input has each source."},
    ),
    (
        ("--attach",),
        {
            "metavar": "HANDLE",
            "multiple": True,
            "help": "Mount a staged source, e.g. OWNER/SLUG; repeat for more.",
        },
    ),
    (
        ("--competition",),
        {"metavar": "SLUG", "help": "The competition that the submission is for."},
    ),
    (
        ("--submission-file",),
        {
            "metavar": "NAME",
            "help": "What it expects (default submission.csv); 'none' for nothing.",
        },
    ),
    (
        ("--sample",),
        {"metavar": "FILE", "help": "Sample submission (default: sought with the competition)."},
    ),
    (
        ("--env",),
        {"metavar": "NAME=VALUE", "multiple": True, "help": "Set a variable in the session."},
    ),
    (("--image",), {"metavar": "REF", "help": "Image for docker; a run never pulls."}),
    (("--inputs",), {"metavar": "DIR", "help": "Staged inputs (default: inputs)."}),
    (("--runs",), {"metavar": "DIR", "help": "Where each run gets its folder (default: runs)."}),
)


def _settings_options(command: _Command) -> _Command:
    for flags, options in reversed(_SETTINGS):
        command = click.option(*flags, **options)(command)
    return command


@click.command(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.argument(
    "notebooks", metavar="NOTEBOOK...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@_settings_options
@click.option(
    "--format",
    "output_format",
    metavar="text|json",
    default="text",
    callback=_choose_format,
    help="What standard output gets: the verdict as text, or report.json.",
)
@click.option(
    "-j", "--jobs", metavar="N", type=click.IntRange(min=1), default=1, help="Runs side by side."
)
@click.option("--setup", is_flag=True, help="First make the mirror and the inputs if missing.")
@click.option("--print-spec", is_flag=True, help="Show what would be run and why; run nothing.")
@click.option("--dry-run", is_flag=True, help="Show mounts, limits and command; run nothing.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
@click.pass_context
def verify(context: click.Context, /, notebooks: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401 - click hands the options over by name
    """Run notebooks offline as Kaggle's "Save & Run All" does, and judge them in Kaggle's words.

    Each run gets a folder with report, executed notebook and output; runs/latest is the newest.
    """
    output_format, jobs, print_spec, dry_run, setup = (
        options.pop(name) for name in ("output_format", "jobs", "print_spec", "dry_run", "setup")
    )
    flags = _flags(options)
    if setup:
        _set_up(context, flags)
    requests = [
        Request(notebook=notebook, flags=flags, environment=os.environ, cwd=Path.cwd())
        for notebook in notebooks
    ]
    probe = what_to_probe(requests[0])
    # The engines' libraries are imported here, when the request is not plainly wrong.
    from harness.engine.select import probe_host  # noqa: PLC0415

    host = probe_host(probe.runs, docker=probe.docker)
    resolved = [resolve(request, host) for request in requests]
    console = Console(json_mode=output_format == "json", several=len(resolved) > 1)
    if print_spec or dry_run:
        _show_plans(resolved, console, print_spec=print_spec)
        return 0
    return _verify_all(resolved, host, console, jobs)


def _flags(options: dict[str, Any]) -> Settings:
    """Make settings of the options; only `--env` needs taking apart."""
    pairs = []
    for text in options.pop("env"):
        name, equals, value = text.partition("=")
        if not equals:
            raise RequestError(
                f"--env: {text!r} has no '='.", fix=f"Write --env {name or 'NAME'}=VALUE."
            )
        pairs.append((name, value))
    return Settings(**options, env=tuple(pairs))


def _set_up(context: click.Context, flags: Settings) -> None:
    """Make what a run needs and is missing; both commands return at once when nothing is."""
    group = context.parent.command if context.parent else None
    if not isinstance(group, click.Group):
        raise TypeError("verify --setup needs the other commands beside it")
    for name in ("stage",) if flags.engine == "docker" else ("mirror", "stage"):
        command = group.get_command(context, name)
        if command is None:
            raise LookupError(f"there is no command {name!r}")
        command.main(["--quiet"], prog_name=f"harness {name}", standalone_mode=False)


def _show_plans(resolved: Sequence[Resolved], console: Console, *, print_spec: bool) -> None:
    from harness.cli import plans  # noqa: PLC0415 - a run does not need it

    for each in resolved:
        console.before(each)
    plans.show(resolved, console, print_spec=print_spec)


def _verify_all(resolved: Sequence[Resolved], host: Host, console: Console, jobs: int) -> int:
    from harness.cli.batch import run_batch  # noqa: PLC0415 - after the request is known as right
    from harness.config.limits import usable_memory_bytes  # noqa: PLC0415 - imported already
    from harness.verify import exit_code, verify_notebook  # noqa: PLC0415 - loads the engines

    for each in resolved:
        console.before(each)

    def run(one: Resolved, check: Callable[[], None]) -> RunResult:
        progress = console.progress(one.spec)

        def on_event(event: Any) -> None:  # noqa: ANN401 - any of the events
            check()
            progress(event)

        result = verify_notebook(one.spec, on_event=on_event)
        console.verdict(one.spec, result)
        return result

    results = run_batch(resolved, run, jobs=jobs, memory_bytes=usable_memory_bytes(host))
    if console.json_mode:
        from harness.report.record import to_json  # noqa: PLC0415 - only for JSON

        console.records(
            [to_json(one.spec, result) for one, result in zip(resolved, results, strict=True)]
        )
    elif len(results) > 1:
        console.overview(
            [(one.spec, result) for one, result in zip(resolved, results, strict=True)]
        )
    return exit_code(results)
