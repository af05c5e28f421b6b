"""How long the thread of the window is away from its event loop."""

from __future__ import annotations

import os
import resource
import threading
import time
from pathlib import Path

__all__ = ["Heartbeat"]


class Heartbeat:
    """Listens to the event loop of the thread that made it.

    The time between two turns of the loop counts whole: computing, drawing, waiting for
    another thread of this process, for the interpreter's lock or for a file. Taken off is
    only what *other programs* took: no more than the thread stood in the queue for a
    processor, and no more than the other programs computed meanwhile. On a machine that
    does nothing else that is nothing.

    Attributes
    ----------
    longest : float
        The longest standstill since the last reset, s.
    longest_seen : float
        The same by the clock on the wall.
    """

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._tick = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(5)
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.longest = self.longest_seen = 0.0
        self._last = self._now()

    def stop(self) -> None:
        """Stop listening."""
        self._timer.stop()

    def _now(self) -> tuple[float, float, float]:
        """Return the time, how long the thread has queued, and what others computed, s."""
        now = time.perf_counter()
        try:
            queued = int(self._schedule.read_text().split()[1]) / 1e9
            line = Path("/proc/stat").read_text().partition("\n")[0]
            user, nice, system, _, _, irq, soft, steal = map(int, line.split()[1:9])
        except OSError:  # no Linux
            return now, 0.0, 0.0
        own = resource.getrusage(resource.RUSAGE_SELF)
        busy = (user + nice + system + irq + soft + steal) / self._tick
        return now, queued, busy - own.ru_utime - own.ru_stime

    def _beat(self) -> None:
        now = self._now()
        seen, queued, others = (b - a for a, b in zip(self._last, now, strict=True))
        self.longest = max(self.longest, seen - max(min(queued, others), 0.0))
        self.longest_seen = max(self.longest_seen, seen)
        self._last = now
