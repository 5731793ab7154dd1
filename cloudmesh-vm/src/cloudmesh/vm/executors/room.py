"""Tells calls that failed since the system allows this process no more open files, or threads.

A call that found no room was not made, and nothing is wrong with its cloud. It is made again, with fewer
others at the same time.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack

from cloudmesh.cloud.errors import BadAnswer, Conflict, NotFound, Refused, Unsupported
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.model.call import NoRoom

_NO_FILE = frozenset({errno.EMFILE, errno.ENFILE})
# What Python says where the system refuses a thread.
_NO_THREAD = "can't start new thread"
# A cloud that answered so was reached.
_ANSWERS = (Refused, Conflict, NotFound, Unsupported, BadAnswer)
# So many files are opened to see whether there is room for a call.
_SOME = 4
FEW_THREADS = "no more threads allowed for this user (ulimit -u)"


def few_files() -> str:
    """The sentence that tells why there is no room for more calls."""
    return f"this process may open only {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} files (ulimit -n)"


def no_room(error: BaseException) -> NoRoom | None:
    """What a call tells that failed since there was no room for another file or thread; else None.

    Not every library keeps the reason, so it is also tried whether there is room now.
    """
    if isinstance(error, _ANSWERS):
        return None
    causes = list(_causes(error))
    sentence = few_files()
    if any(isinstance(each, RuntimeError) and _NO_THREAD in str(each) for each in causes):
        sentence = FEW_THREADS
    elif not any(isinstance(each, OSError) and each.errno in _NO_FILE for each in causes) and _has_room():
        return None
    found = NoRoom(sentence)
    found.outcome_unknown = not isinstance(error, CloudmeshError) or error.outcome_unknown
    return found


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _has_room() -> bool:
    """Whether so many files as a call needs can be opened now."""
    with ExitStack() as stack:
        try:
            for _ in range(_SOME):
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            return error.errno not in _NO_FILE
    return True
