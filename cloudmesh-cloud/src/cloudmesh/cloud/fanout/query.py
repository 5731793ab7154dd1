"""What a question to clouds is: which of them are meant, its limits in time and in size, and its progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from cloudmesh.cloud.errors import BadAnswer
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, UnknownName, UsageError

if TYPE_CHECKING:
    from cloudmesh.plugin.names import Name

Listed = TypeVar("Listed")

# How many entries a listing may have.
MOST_MACHINES, MOST_ENTRIES = 200_000, 100_000
# Seconds that one call may take, where nothing else is configured.
CALL_TIMEOUT = 300.0
# So many seconds are left for trying a read again, however short a call may be.
_AGAIN = 5.0
# The name of the step that a progress callback is told of.
LIST = "list"


class CloudProgress(NamedTuple):
    """The work on one cloud.

    Attributes:
        cloud: its name.
        total: how many machines there are to do.
        done, failed, running: how many of them are where they should be, have failed, are being called for.
        left: for how many seconds they are waited for yet, at most; 0 if that has no limit.
        steps: the names of machines by the step that each is at, where there are several.
    """

    cloud: str
    total: int
    done: int
    failed: int
    running: int
    left: float = 0.0
    steps: Mapping[str, Sequence[str]] = MappingProxyType({})


# Called with what is going on ("list" while clouds are asked what there is, then the verb, or "wait") and the
# progress on each cloud: in the main thread, at each change and each 0.2 seconds. It must not raise.
ProgressCallback = Callable[[str, Sequence[CloudProgress]], None]


class Deadline(NamedTuple):
    """When the time for all of a command together is over, by the monotonic clock; None for never."""

    seconds: float | None = None
    ends: float | None = None

    @classmethod
    def after(cls, seconds: float | Deadline | None) -> Deadline:
        """The one so many seconds from now, as a user says them; a deadline itself. Raises UsageError."""
        if isinstance(seconds, Deadline):
            return seconds
        require_seconds("timeout", seconds)
        return cls.from_now(seconds)

    @classmethod
    def from_now(cls, seconds: float | None) -> Deadline:
        """The one so many seconds from now; 0 too, since they may be what is left of others."""
        return cls(seconds, None if seconds is None else time.monotonic() + seconds)

    def postponed(self, seconds: float) -> Deadline:
        """The same, so many seconds later."""
        return Deadline(self.seconds, None if self.ends is None else self.ends + seconds)

    def spent(self) -> float:
        """How many of the seconds are over."""
        if self.seconds is None or self.ends is None:
            return 0.0
        return max(0.0, self.seconds - (self.ends - time.monotonic()))

    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.ends is not None and time.monotonic() >= self.ends

    def left(self) -> float | None:
        """The seconds that are left, in tenths, as users say them; None for as many as it takes."""
        if self.ends is None:
            return None
        left = max(0.0, self.ends - time.monotonic())
        return round(left, 1) if left > 1 else left


def require_seconds(name: str, seconds: float | None) -> None:
    """Refuse what is no time that work could be done in; None stands for no limit. Raises UsageError."""
    if seconds is None:
        return
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not (is_number and 0 < seconds < float("inf")):
        raise UsageError(f"{name}={seconds!r} is not a number of seconds above 0")


NEVER = Deadline()


@dataclass
class QueryLimits:
    """For how long clouds are asked what there is, and who is told of the progress.

    Attributes:
        call_timeout: seconds for all that is asked of one cloud together; None for what its configuration,
            or the usual, says of one call, and the time in which a read may be tried again.
        watch: a callback that is told which clouds have answered.
        deadline: when the time for all of the command is over.
    """

    call_timeout: float | None = None
    watch: ProgressCallback | None = None
    deadline: Deadline = NEVER

    def limit(self, configured: Mapping[str, float | None], calls: int = 1) -> Callable[[str], float]:
        """For how many seconds each of these clouds, with their ``call_timeout``, is waited for from now on.

        Where there are several, what hangs takes at most half of the time that is left for all together:
        the rest is for the work on those that answer.
        """
        from cloudmesh.cloud.provider.retry import ReadRetry  # not for a list from the store

        left = self.deadline.left()
        ends = Deadline.from_now(None if left is None else left / 2 if len(configured) > 1 else left)

        def seconds(cloud: str) -> float:
            one = configured[cloud] or CALL_TIMEOUT
            usual = calls * one + min(ReadRetry.ceiling, max(_AGAIN, 2 * one))
            own = self.call_timeout or usual
            until = ends.left()
            return own if until is None else min(own, until)

        return seconds

    def tell(self, clouds: Sequence[str], answers: Mapping[str, object]) -> None:
        """Report the progress: which clouds have answered."""
        if self.watch is not None:
            failed = {cloud for cloud, answer in answers.items() if isinstance(answer, CloudmeshError)}
            done = answers.keys() - failed
            self.watch(
                LIST,
                [
                    CloudProgress(each, 1, int(each in done), int(each in failed), int(each not in answers))
                    for each in clouds
                ],
            )


def bounded(things: Iterable[Listed], cloud: str, kind: str) -> Iterator[Listed]:
    """The entries of a listing, until there are more than any true listing has.

    Args:
        kind: what is listed, as the provider's method is called: machines, images, security_groups, ...

    Raises:
        BadAnswer: there are more than 200,000 machines, or 100,000 of anything else: an endless listing
            must not fill the memory.
    """
    most = MOST_MACHINES if kind == "machines" else MOST_ENTRIES
    for count, thing in enumerate(things):
        if count == most:
            error = BadAnswer(
                f"cloud {cloud} lists more than {most:,} {kind.replace('_', ' ')}, which is not plausible; "
                "ask its operators"
            )
            error.outcome_unknown = False
            raise error
        yield thing


def chosen_clouds(config: Config, option: str | Sequence[str] | None = None) -> list[str]:
    """The clouds of ``--cloud``, else of the shell's variable ``cloud``, else the configured defaults.

    ``option`` may hold several names, ranges and globs.

    Raises:
        UnknownName: a name is not configured.
        UsageError: ``option`` is there, but empty: that does not mean the defaults.
        ConfigError: a cloud is not active, or no default is configured.
    """
    if option is not None:
        if not option:
            raise UsageError("--cloud= is empty; give a cloud, or omit it to use the defaults")
        return expand_clouds(config, option)
    from cloudmesh.plugin.variables import variable

    kept = variable("cloud")
    if kept:
        try:
            return expand_clouds(config, kept)
        except UnknownName as error:
            raise UsageError(
                f"the variable cloud={kept} is not valid: {error}; change it: cms set cloud=NAME, "
                "or remove it: cms set delete cloud"
            ) from None
    defaults = config.default_clouds()
    if not config.clouds:
        raise ConfigError(f"no cloud is defined in {config.path}; add one: cms cloud add NAME")
    if not defaults:
        raise ConfigError(
            f"no default cloud is set in {config.path}; use --cloud=NAME, or: cms cloud default NAME"
        )
    return defaults


def one_cloud(config: Config, option: str | None = None) -> str:
    """The only cloud that is meant; ``option`` as in ``chosen_clouds``.

    Raises:
        UsageError: there are several, as what costs money or is found on one cloud only is done on one; else
            as ``chosen_clouds`` raises.
    """
    clouds = chosen_clouds(config, option)
    if len(clouds) != 1:
        raise UsageError(f"one cloud is needed, and {', '.join(clouds)} are selected; use --cloud=NAME")
    return clouds[0]


def expand_clouds(config: Config, expression: str | Sequence[str], active: bool = True) -> list[str]:
    """The configured clouds that an expression such as ``uc,aws[1-2]`` or ``*`` names, in its order.

    With ``active`` a cloud that is not active is refused; a glob then means active clouds only.
    """
    text = expression if isinstance(expression, str) else ",".join(expression)
    candidates = config.active_clouds() if active else list(config.clouds)
    several = any(mark in text for mark in ",[*?")
    names = _expand(text, candidates) if several else [text.strip()]
    for name in names:
        config.cloud(name)
        if active:
            config.require_active(name)
    return names


def clouds_of_names(
    config: Config, names: Iterable[Name], chosen: Callable[[], Sequence[str]]
) -> list[tuple[Name, list[str]]]:
    """Each machine name with the clouds that it means: the one before its colon, else the chosen ones.

    Args:
        names: as ``cloudmesh.plugin.names.expand`` gives them.
        chosen: gives the clouds for names without a colon; called once, and only if there is such a name.

    Raises:
        UnknownName: a cloud before a colon is not configured.
        ConfigError: it is not active; or as ``chosen`` raises.
    """
    # By what stands before the colon; thousands of names have few clouds.
    known: dict[str | None, list[str]] = {}
    wanted: list[tuple[Name, list[str]]] = []
    for name in names:
        if name.cloud not in known:
            if name.cloud is not None:
                config.cloud(name.cloud)
                config.require_active(name.cloud)
            known[name.cloud] = list(chosen()) if name.cloud is None else [name.cloud]
        wanted.append((name, known[name.cloud]))
    return wanted


def _expand(text: str, candidates: Sequence[str]) -> list[str]:
    from cloudmesh.plugin.names import expand

    names: list[str] = []
    for each in expand(text):
        found = (
            [candidate for candidate in candidates if each.matches(candidate)]
            if each.is_glob
            else [each.name]
        )
        if not found:
            raise UnknownName("cloud", each.name, candidates)
        names += found
    return list(dict.fromkeys(names))
