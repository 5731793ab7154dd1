"""When a cloud is looked at next, while machines are waited for."""

from __future__ import annotations

# Seconds between the end of a look and the next one. They grow whatever the cloud shows, since a thousand
# machines that arrive one by one would be looked at for each of them: a wait is at most half longer than it
# must be, and never by more than the longest tick.
FIRST_TICK, GROWTH, LONGEST_TICK = 0.2, 1.5, 5.0
# Machines that took so many seconds last time, or less, are looked for as ever.
_SHORT = 1.0
# Between these parts of the time that they took last time they are expected.
_FROM, _TO = 0.75, 1.25


class Pace:
    """The pauses between the looks of one wait.

    Without a memory they are the usual ticks. Where it is known how long machines took last time, few looks
    are made before that time comes near, and those that were saved when it does. At no time have there been
    more looks than the usual ticks would have made, and none comes later than its usual tick would be long
    once the machines are expected.
    """

    def __init__(self, expected: float = 0.0, spares: bool = True) -> None:
        """Begin with the first look, at 0 seconds.

        Args:
            expected: how many seconds machines took last time; 0 where nobody knows.
            spares: whether a cloud is left in peace for as long as its last look took.
        """
        self._expected = expected if expected > _SHORT else 0.0
        self._spares = spares
        self._looks = 0
        # Those that there would have been by now, and the next one, with the pauses before and after it.
        self._usual, self._usual_next, self._tick = 1, 0.0, FIRST_TICK
        self._usual_pause = 0.0

    def pause(self, now: float, took: float, at_least: float = 0.0, whole: float | None = None) -> float:
        """How many seconds to wait after a look that has ended; called once for each.

        Args:
            now: how many seconds ago the first look was begun.
            took: how many of them this look took.
            at_least: for so long the cloud wants to be left in peace.
            whole: how long it would have taken if all machines had been shown; without it as long as it took.
        """
        usual = took if whole is None else whole
        self._looks += 1
        if self._looks == 1 or not self._expected:
            self._usual = self._looks
            self._usual_next = now - took + usual + self._step(usual)
        while self._usual_next <= now:
            self._usual += 1
            self._usual_next += usual + self._step(usual)
        self._usual_next = max(self._usual_next, now + at_least)
        if not self._expected:
            return max(self._usual_next - now, took if self._spares else 0.0)
        following = now + max(self._wanted(now, took, usual), at_least, took if self._spares else 0.0)
        return (max(following, self._usual_next) if self._looks >= self._usual else following) - now

    def _step(self, took: float) -> float:
        """The next of the usual pauses."""
        tick, self._tick = self._tick, min(self._tick * GROWTH, LONGEST_TICK)
        self._usual_pause = max(tick, took) if self._spares else tick
        return self._usual_pause

    def _wanted(self, now: float, took: float, whole: float) -> float:
        """The pause that fits to what is expected."""
        begins, ends = self._expected * _FROM, self._expected * _TO
        if now < begins:
            # So that one that is early is not waited for in vain: half longer than needed, or a longest tick.
            return max(FIRST_TICK, min(begins - now, max(LONGEST_TICK, now / 2)))
        left = self._usual_until(ends, whole) - self._looks
        if now >= ends or left <= 0:
            return self._usual_pause
        return min(self._usual_pause, max(FIRST_TICK, (ends - now) / left - took))

    def _usual_until(self, end: float, took: float) -> int:
        """How many looks the usual ticks would have made by then."""
        count, following, tick = self._usual, self._usual_next, self._tick
        while following <= end:
            count += 1
            following += took + (max(tick, took) if self._spares else tick)
            tick = min(tick * GROWTH, LONGEST_TICK)
        return count
