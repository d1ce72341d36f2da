"""The little of MCP that telling about a shell needs: introduce ourselves, call tools."""

from __future__ import annotations

import itertools
import json
from typing import Any, Callable, Optional

from .errors import Declined, Refused, SessionGone, TrackingError, Unreachable
from .wire import Wire

PROTOCOL = "2025-06-18"

_INVALID = {-32600, -32601, -32602}


class McpClient:
    """Calls the tools of one server. Used from one thread at a time."""

    def __init__(
        self, wire: Wire, timeout: float, token: Callable[[], Optional[str]] = lambda: None
    ) -> None:
        self._wire = wire
        self._timeout = timeout
        self._token = token
        self._ids = itertools.count(1)
        self._introduced = False
        #: The server is a Watchkeeper; others know less.
        self.is_watchkeeper = False

    def call(
        self,
        tool: str,
        arguments: dict[str, Any],
        extras: Optional[dict[str, Any]] = None,
    ) -> dict[str, Any]:
        """Calls a tool and returns its answer; raises a `TrackingError` that says what to do.

        The extras are sent to a Watchkeeper only.
        """
        try:
            return self._call(tool, arguments, extras or {})
        except SessionGone:
            # The server was started anew since: it took nothing of this call.
            self.close()
            return self._call(tool, arguments, extras or {})
        except Unreachable:
            self.close()
            raise

    def close(self) -> None:
        """Lets the server go; the next call introduces us again."""
        self._introduced = False
        self._wire.close()

    def _call(
        self, tool: str, arguments: dict[str, Any], extras: dict[str, Any]
    ) -> dict[str, Any]:
        self._introduce()
        if self.is_watchkeeper:
            arguments = {**arguments, **extras}
        token = self._token() if self._wire.token_as_argument else None
        if token:
            arguments = {**arguments, "token": token}
        result = self._request("tools/call", {"name": tool, "arguments": arguments})
        answer = _answer(result)
        if result.get("isError"):
            raise Refused(str(answer.get("error") or answer.get("text") or "refused"))
        if answer.get("status") == "error":
            raise Declined(str(answer.get("error") or "the server could not take it"))
        return answer

    def _introduce(self) -> None:
        if self._introduced:
            return
        about = {
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": {"name": "watchkeeper-python", "version": "0.1.0"},
        }
        try:
            result = self._request("initialize", about)
            server = result.get("serverInfo")
            name = server.get("name") if isinstance(server, dict) else None
            self.is_watchkeeper = name == "watchkeeper"
            self._wire.agreed(str(result.get("protocolVersion") or PROTOCOL))
            done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            self._wire.notify(done, self._timeout)
        except Refused as error:
            # This says nothing about the event that waits to be sent.
            raise Unreachable(str(error)) from error
        self._introduced = True

    def _request(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        message = {
            "jsonrpc": "2.0",
            "id": next(self._ids),
            "method": method,
            "params": parameters,
        }
        response = self._wire.request(message, self._timeout)
        error = response.get("error")
        if isinstance(error, dict):
            raise _refusal(error)
        result = response.get("result")
        if not isinstance(result, dict):
            raise Unreachable("the answer has no result")
        return result


def _refusal(error: dict[str, Any]) -> TrackingError:
    words = str(error.get("message") or "an error without words")[:300]
    return Refused(words) if error.get("code") in _INVALID else Declined(words)


def _answer(result: dict[str, Any]) -> dict[str, Any]:
    """What the tool returned: structured, or JSON in a text, or the bare id of a session."""
    structured = result.get("structuredContent")
    if isinstance(structured, dict):
        inner = structured.get("result")
        # Some servers wrap everything once more.
        return inner if isinstance(inner, dict) else structured
    text = _text(result)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {"session_id": text.strip(), "text": text}
    return found if isinstance(found, dict) else {"session_id": str(found)}


def _text(result: dict[str, Any]) -> str:
    content = result.get("content")
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            return str(part["text"])
    return ""
