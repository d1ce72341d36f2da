"""Why something could not be told to the daemon, by what to do next."""

from __future__ import annotations


class TrackingError(Exception):
    """Something could not be told; the message says why, in a few words."""


class Unreachable(TrackingError):
    """Nobody answered, or not in a way that can be understood: try again soon."""


class SessionGone(Unreachable):
    """The server has forgotten this connection: introduce ourselves again."""


class Declined(TrackingError):
    """The server answered, and would not take it now: keep it, try again much later."""


class Refused(TrackingError):
    """The server says that this can never be taken: sending it again is no use."""
