"""What carries MCP messages; and what all carriers have in common."""

from __future__ import annotations

import json
import time
from typing import Any, Optional, Protocol

from .errors import Unreachable

#: No answer of a tool of ours is larger.
LARGEST_ANSWER = 1024 * 1024


class Wire(Protocol):
    """Carries JSON-RPC messages to one server."""

    #: Whether a token must travel as an argument of the tool, since there are no headers.
    token_as_argument: bool

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Sends a request and returns the response with its id."""

    def notify(self, message: dict[str, Any], timeout: float) -> None:
        """Sends what has no answer."""

    def agreed(self, protocol_version: str) -> None:
        """The introduction is over, and both speak this version."""

    def close(self) -> None:
        """Lets the server go; the next request begins anew."""


class Deadline:
    """When to give up, however slowly the bytes still come."""

    def __init__(self, timeout: float) -> None:
        self._at = time.monotonic() + timeout

    def left(self) -> float:
        """Seconds that are left, never 0, which would mean: for ever, or: not at all."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise Unreachable("no answer in time")
        return left


def response_in(text: str, identity: object) -> Optional[dict[str, Any]]:
    """The response with this id, if the text is it, or a batch that has it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreachable("the answer is not JSON") from error
    for message in found if isinstance(found, list) else [found]:
        if isinstance(message, dict) and message.get("id") == identity and "method" not in message:
            return message
    return None
