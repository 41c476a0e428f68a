"""`--print-spec` and `--dry-run`: what would be run and why, as text or JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath

from harness.cli.console import Console
from harness.config import Resolved
from harness.engine.base import Plan
from harness.text import one_line

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def show(resolved: Sequence[Resolved], console: Console, *, print_spec: bool) -> None:
    """Show what each request came to.

    Args:
        resolved: The requests.
        console: Where to.
        print_spec: Values and where they came from; else the engine's plan.

    Raises:
        PrerequisiteError: The engine cannot plan the run.
    """
    if console.json_mode:
        shown = [_spec_json(each) if print_spec else _plan_json(each) for each in resolved]
        data: Json = shown[0]
        if len(shown) > 1:
            data = {"specs" if print_spec else "plans": list[Json](shown)}
        console.text(json.dumps(data, indent=2, ensure_ascii=True) + "\n")
        return
    for each in resolved:
        console.line(f"{one_line(each.spec.notebook.name)}:", style="bold")
        if print_spec:
            _show_spec(each, console)
        else:
            _show_plan(_plan(each), console)


def _show_spec(resolved: Resolved, console: Console) -> None:
    rows = [(each.name, each.value, each.source) for each in resolved.origins]
    console.table(("setting", "value", "from"), rows)


def _show_plan(plan: Plan, console: Console) -> None:
    console.table(("mounted", "at"), list(plan.mounts))
    console.table(("limit", "kept by"), list(plan.limits.items()))
    console.table(("variable", "value"), sorted(plan.environment.items()))
    console.line(f"Command: {shlex.join(plan.command)}")


def _plan(resolved: Resolved) -> Plan:
    from harness.engine.select import make_engine  # noqa: PLC0415 - loads the engine's libraries

    return make_engine(resolved.spec).plan(resolved.spec)


def _spec_json(resolved: Resolved) -> dict[str, Json]:
    return {
        "spec": to_json(resolved.spec),
        "engine_reason": resolved.engine_reason,
        "origins": [to_json(each) for each in resolved.origins],
        "warnings": list(resolved.warnings),
    }


def _plan_json(resolved: Resolved) -> dict[str, Json]:
    plan = _plan(resolved)
    return {
        "notebook": str(resolved.spec.notebook),
        "command": list(plan.command),
        "mounts": [{"source": source, "target": target} for source, target in plan.mounts],
        "limits": dict(plan.limits),
        "environment": dict(plan.environment),
    }


def to_json(value: object) -> Json:
    """Turn a frozen value into what JSON can hold.

    Raises:
        TypeError: A value of a type that no spec has.
    """
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(each) for each in value]
    if is_dataclass(value):
        return {each.name: to_json(getattr(value, each.name)) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
