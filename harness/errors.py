"""Errors that are not the notebook's: a wrong request, a machine that cannot serve it.

A notebook that fails is a result, never an exception. Every error names the next step, so the
constructor asks for it.
"""

from __future__ import annotations


class HarnessError(Exception):
    """The run could not take place, for a reason outside the notebook.

    Attributes:
        problem: One sentence: what is wrong, with the value and where it came from.
        fix: The next step: a command to run or a line to change.
        exit_code: What the command line returns for it.
    """

    exit_code = 3

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


class RequestError(HarnessError):
    """The request is wrong: a flag, a setting, a metadata file, an input that is not there."""

    exit_code = 2


class PrerequisiteError(HarnessError):
    """This machine cannot serve the request: no engine, no image, no namespaces, no space."""

    exit_code = 3


class EngineError(HarnessError):
    """The engine failed during a run, so nothing can be said about the notebook."""

    exit_code = 3
