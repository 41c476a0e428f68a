"""The runner's clock: the soft stop at the limit, the kill after the grace, the way out after that.

It is a thread, so that neither a busy kernel nor a busy loop can hold it up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

_STUCK_S = 3.0
_INTERRUPT_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What the clock does, in this order, as long as the run is not over.

    Attributes:
        stop_softly: At the limit: report it. False when something else has stopped the run.
        interrupt: Right then, and again every second until the run is over or the grace is.
        kill: When the grace is over.
        give_up: When even then the run does not come to its end.
    """

    stop_softly: Callable[[], bool]
    interrupt: Callable[[], None]
    kill: Callable[[], None]
    give_up: Callable[[], None]


class Clock:
    """Runs the actions at their times.

    Attributes:
        over: Set it when the run has come to its end.
    """

    def __init__(self, *, wall_time_s: float, grace_s: float, actions: Actions) -> None:
        self.over = threading.Event()
        self._wall_time_s = wall_time_s
        self._grace_s = grace_s
        self._actions = actions

    def start(self) -> None:
        """Start counting."""
        threading.Thread(target=self._run, name="clock", daemon=True).start()

    def _run(self) -> None:
        if self.over.wait(self._wall_time_s):
            return
        if self._actions.stop_softly():
            left_s = self._grace_s
            while left_s > 0:
                self._actions.interrupt()
                if self.over.wait(min(left_s, _INTERRUPT_EVERY_S)):
                    return
                left_s -= _INTERRUPT_EVERY_S
        self._actions.kill()
        if not self.over.wait(_STUCK_S):
            self._actions.give_up()
