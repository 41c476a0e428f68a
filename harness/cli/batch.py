"""Several runs in one call: side by side as far as the machine's memory goes, else in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.config import Resolved

_Result = TypeVar("_Result")
Check = Callable[[], None]


def run_batch(
    resolved: Sequence[Resolved],
    run: Callable[[Resolved, Check], _Result],
    *,
    jobs: int,
    memory_bytes: int,
) -> list[_Result]:
    """Run all, at most `jobs` at a time, and so that their memory limits together fit.

    Args:
        resolved: What to run.
        run: Runs one. It has to call its second argument often: that raises KeyboardInterrupt
            when the caller was interrupted, since a signal reaches the main thread alone.
        jobs: Most runs at a time.
        memory_bytes: What all of them together may take.

    Returns:
        The results, in the order of `resolved`.

    Raises:
        KeyboardInterrupt: After every run has ended.
        HarnessError: The first one that a run raised; it ends the others, and they have ended.
    """
    if jobs == 1 or len(resolved) == 1:
        return [run(each, _go_on) for each in resolved]
    # 15 ms to import, and most calls run one notebook.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    budget = _Budget(memory_bytes)
    with ThreadPoolExecutor(max_workers=min(jobs, len(resolved))) as pool:
        try:
            futures = [pool.submit(_within, budget, each, run) for each in resolved]
            return [future.result() for future in futures]
        except BaseException as error:
            first = budget.stop(error)
            pool.shutdown(wait=True, cancel_futures=True)
            if first is error:
                raise
            # What arrived first here may only be a run that another one's error stopped.
            raise first from None


def _go_on() -> None:
    """In the main thread the signal itself interrupts."""


def _within(budget: _Budget, one: Resolved, run: Callable[[Resolved, Check], _Result]) -> _Result:
    need = one.spec.limits.memory_bytes
    budget.take(need)
    try:
        return run(one, budget.check)
    except BaseException as error:
        budget.stop(error)
        raise
    finally:
        budget.give_back(need)


class _Budget:
    """Memory that the runs share; a run waits until its limit fits, or until it is alone."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._taken = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def take(self, need: int) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._error is not None
                    or not self._taken
                    or self._taken + need <= self._memory_bytes
                )
            )
            self.check()
            self._taken += need

    def give_back(self, need: int) -> None:
        with self._changed:
            self._taken -= need
            self._changed.notify_all()

    def stop(self, error: BaseException) -> BaseException:
        """Let no run go on; give the error that was the first to stop them."""
        with self._changed:
            if self._error is None:
                self._error = error
            self._changed.notify_all()
            return self._error

    def check(self) -> None:
        if self._error is not None:
            raise KeyboardInterrupt
