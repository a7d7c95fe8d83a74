"""Waiting such that Ctrl-C works: Python handles signals in the main thread, between two calls."""

from __future__ import annotations

import select
from math import ceil
from time import monotonic

from ._abi import TN_AGAIN, TN_TIMED_OUT
from ._errors import call_made, in_main_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

# How long a call may wait inside the library before we wait at its descriptor. There the library
# is at its fastest, as it spins; here signals are handled at once, and nothing wakes up in vain.
PATIENCE_MS = 20
_LONGEST_MS = 2**31 - 1
_LONGEST_SECONDS = 1e9  # 31 years: an int may be too large for a float
_PIECE_MS = 50  # so often the library itself looks up from such a wait


def drive(
    attempt: Callable[[int], int],
    fileno: Callable[[], int],
    timeout: Optional[float],
) -> int:
    """Calls `attempt(milliseconds)` until it succeeds or fails, or `timeout` is over, and returns
    its status.

    `timeout` is in seconds; None waits for ever, 0 never waits.
    """
    deadline, first = deadline_of(timeout), first_ms(timeout)
    status = attempt(first)
    if status != TN_TIMED_OUT or first < PATIENCE_MS or not _left(deadline):
        return status
    if in_main_thread():
        return _drive_by_descriptor(attempt, fileno(), deadline)
    while status == TN_TIMED_OUT and _left(deadline):
        status = attempt(-1 if deadline is None else _left(deadline))
    return status


def drive_in_pieces(attempt: Callable[[int], int], timeout: Optional[float]) -> int:
    """Calls `attempt(milliseconds)` as drive does, but waits in the library: for what has no
    descriptor, or has a queue. In the main thread it leaves the wait from time to time, to handle
    signals."""
    deadline, first = deadline_of(timeout), first_ms(timeout)
    status = attempt(first)
    while status == TN_TIMED_OUT and _left(deadline):
        left = -1 if deadline is None else _left(deadline)
        status = attempt(_PIECE_MS if in_main_thread() and not 0 < left < _PIECE_MS else left)
    return status


def first_ms(timeout: Optional[float]) -> int:
    """How long the first attempt waits."""
    if timeout is None:
        return PATIENCE_MS
    if not timeout >= 0:
        raise ValueError(f"{call_made()}: a timeout is None or at least 0 seconds, not {timeout}")
    return ceil(min(timeout * 1000, PATIENCE_MS))


def after_patience(timeout: float) -> float:
    """What is left of a timeout after the first attempt."""
    return min(timeout, _LONGEST_SECONDS) - PATIENCE_MS / 1000


def deadline_of(timeout: Optional[float]) -> Optional[float]:
    """When a timeout that begins now is over."""
    return None if timeout is None else monotonic() + max(0, min(timeout, _LONGEST_SECONDS))


def timeout_left(deadline: Optional[float]) -> Optional[float]:
    """The timeout until then."""
    return None if deadline is None else max(0.0, deadline - monotonic())


def _left(deadline: Optional[float]) -> int:
    """Milliseconds until then."""
    if deadline is None:
        return _LONGEST_MS
    return max(0, ceil(min((deadline - monotonic()) * 1000, _LONGEST_MS)))


def _drive_by_descriptor(
    attempt: Callable[[int], int], descriptor: int, deadline: Optional[float]
) -> int:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    piece = 0
    while True:
        status = attempt(piece)
        if status not in (TN_AGAIN, TN_TIMED_OUT):
            return status
        left = _left(deadline)
        if not left:
            return attempt(1)  # says TN_TIMED_OUT, with the text for it
        # Where it is readable for what this call is not about, as for messages while a reply is
        # awaited, only the library can tell.
        piece = min(left, _PIECE_MS) if poll.poll(0) else 0
        if not piece:
            poll.poll(None if deadline is None else left)
