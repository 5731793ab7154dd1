"""The options of the file that are neither clouds nor secrets: how calls are made, and where the store is.

``cloudmesh.parallel`` is how many calls may run at the same time in all; ``parallel`` in a cloud's section
how many of them on that cloud. ``cloudmesh.engine`` says who makes them: threads of this computer, or an
executor that a package brings by the entry-point group ``cloudmesh.executors``, such as the workers of a Dask
cluster, whose scheduler ``cloudmesh.scheduler`` names. ``refresh_after``, there and in a cloud's section, is
how old the rows of a list may become before it asks the cloud; ``wait_timeout`` how long its machines are
waited for, ``mine`` whether only machines of our own are meant there, ``rates`` what machines cost, and
``ssh`` how one signs in to them, see ``rates`` and ``ssh`` of this folder. ``database`` is the URL of the
store, if that is not the file beside the configuration.
"""

from __future__ import annotations

from typing import Any

from cloudmesh.config.settings.places import is_url
from cloudmesh.plugin import durations
from cloudmesh.plugin.errors import suggest

THREADS, DASK = "threads", "dask"
EXECUTORS = "cloudmesh.executors"
TOP = ("parallel", "engine", "scheduler", "refresh_after")
CLOUD = ("parallel", "call_timeout", "wait_timeout", "refresh_after", "mine", "rates", "ssh")
REFRESH_AFTER = 60.0
DATABASE_FORM = "write postgresql://USER@HOST/DATABASE, or remove the key to use the file cloudmesh.db"
_SCHEMES = ("tcp", "tls")
_COUNT = "must be a whole number of 1 or more"
_SECONDS = "must be a duration of more than 0"
_AGE = "must be a number of seconds, a duration such as 5m, 0 for always, or never"
_ADDRESS = "must be tcp://HOST:PORT or tls://HOST:PORT"


class WrongValueError(ValueError):
    """A value that cannot be used: what it must be, and what to write, never with the value itself."""

    def __init__(self, must: str, remedy: str) -> None:
        super().__init__(must)
        self.must = must
        self.remedy = remedy


def count(value: Any) -> int:
    """A number of calls at the same time. Raises WrongValueError.

    A number in quotes is one too: ``cms config set`` keeps a text a text.
    """
    text = value.strip() if isinstance(value, str) else value
    try:
        number = 0 if isinstance(text, bool | float) else int(text)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise WrongValueError(_COUNT, "write a number such as 32, or remove the key")
    return number


def seconds(value: Any) -> float:
    """A time limit in seconds, written as ``durations`` reads it. Raises WrongValueError."""
    try:
        return durations.positive_seconds(value)
    except ValueError:
        raise WrongValueError(_SECONDS, f"write {durations.FORMS}; or remove the key") from None


def yes(value: Any) -> bool:
    """true or false. Raises WrongValueError."""
    if not isinstance(value, bool):
        raise WrongValueError("must be true or false", "write true, or remove the key")
    return value


def refresh_after(value: Any) -> float:
    """How old rows may become, in seconds, before a list asks the cloud; inf for ``never``.

    Raises WrongValueError.
    """
    if isinstance(value, str) and value.strip().lower() == "never":
        return float("inf")
    try:
        return durations.seconds(value)
    except ValueError:
        raise WrongValueError(_AGE, "write 60, 5m or never, or remove the key") from None


def engine(value: Any) -> str:
    """The name of an executor; whether it is installed is seen when it is used. Raises WrongValueError."""
    if not (isinstance(value, str) and value.isidentifier()):
        raise WrongValueError("must be the name of an executor", f"write {THREADS}, or remove the key")
    return value


def installed_engine(value: Any) -> object:
    """An engine that is installed now. Raises WrongValueError."""
    name = engine(value)
    if name not in (THREADS, DASK):
        from cloudmesh.plugin.packages import entry_points

        known = sorted({THREADS, DASK, *(point.name for point in entry_points(EXECUTORS))})
        if name not in known:
            raise WrongValueError("must be the name of an installed executor", suggest(name, known))
    return name


def scheduler(value: Any) -> str:
    """The address of a scheduler; or what takes it from the environment. Raises WrongValueError."""
    from urllib.parse import urlsplit

    wrong = WrongValueError(_ADDRESS, "write the address that the scheduler shows when it starts")
    if not isinstance(value, str):
        raise wrong
    try:
        url = urlsplit(value.strip())
        whole = url.scheme in _SCHEMES and url.hostname and url.port and "@" not in url.netloc
    except ValueError:
        raise wrong from None
    if not whole or url.path not in ("", "/") or url.query or url.fragment:
        raise wrong
    return f"{url.scheme}://{url.netloc}"


def database(value: Any) -> str:
    """The URL of a database. Raises WrongValueError."""
    if not isinstance(value, str) or not is_url(value.strip()):
        raise WrongValueError("is not a database URL", DATABASE_FORM)
    return value.strip()
