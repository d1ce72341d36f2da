"""MCP over streamable HTTP: each message is a POST, answered with JSON or with events."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

from .errors import Declined, Refused, SessionGone, Unreachable
from .sse import SseReader
from .wire import LARGEST_ANSWER, Deadline, response_in


class HttpWire:
    """Speaks to one endpoint; neither proxies nor redirections are followed."""

    token_as_argument = False

    def __init__(self, endpoint: str, token: Callable[[], Optional[str]]) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an address of http or https: {endpoint}")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._token = token
        self._session: Optional[str] = None
        self._version: Optional[str] = None

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Posts a request and returns the response with its id."""
        found = self._post(message, Deadline(timeout))
        if found is None:
            raise Unreachable("the answer has no response in it")
        return found

    def notify(self, message: dict[str, Any], timeout: float) -> None:
        """Posts what has no answer."""
        self._post(message, Deadline(timeout))

    def agreed(self, protocol_version: str) -> None:
        """From now on each message says which version it is in."""
        self._version = protocol_version

    def close(self) -> None:
        """Forgets the server's session; each message has a connection of its own anyway."""
        self._session = self._version = None

    def _post(self, message: dict[str, Any], deadline: Deadline) -> Optional[dict[str, Any]]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=deadline.left())
        body = json.dumps(message).encode()
        try:
            connection.connect()
            # The connection forgets its socket once the answer has begun.
            line = connection.sock
            line.settimeout(deadline.left())
            connection.request("POST", self._path, body, self._headers())
            line.settimeout(deadline.left())
            response = connection.getresponse()
            return self._read(message, response, _Body(line, response, deadline))
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(_words(error)) from error
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "User-Agent": "watchkeeper-python",
            "Connection": "close",
        }
        token = self._token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        if self._version:
            headers["MCP-Protocol-Version"] = self._version
        return headers

    def _read(
        self, message: dict[str, Any], response: http.client.HTTPResponse, body: _Body
    ) -> Optional[dict[str, Any]]:
        self._check(response.status, body)
        session = response.headers.get("Mcp-Session-Id")
        if session and session.isascii() and session.isprintable():
            self._session = session
        if "id" not in message:
            return None
        kind = response.headers.get_content_type()
        if kind == "text/event-stream":
            return body.event_with(message["id"])
        if kind == "application/json":
            return response_in(body.text(), message["id"])
        raise Unreachable(f"the answer is {kind}, not JSON: no MCP server")

    def _check(self, status: int, body: _Body) -> None:
        if 200 <= status < 300:
            return
        if status == 404 and self._session:
            raise SessionGone("the server has forgotten us")
        words = body.words()
        if status in (401, 403):
            raise Declined(_with(f"not allowed (HTTP {status})", words))
        if status in (400, 413, 415, 422):
            raise Refused(_with(f"refused (HTTP {status})", words))
        raise Unreachable(_with(f"HTTP {status}", words))


class _Body:
    """Reads an answer, bounded in time and size."""

    def __init__(
        self, line: socket.socket, response: http.client.HTTPResponse, deadline: Deadline
    ) -> None:
        self._line = line
        self._response = response
        self._deadline = deadline
        self._length = 0

    def text(self) -> str:
        pieces = []
        while piece := self._piece():
            pieces.append(piece)
        return b"".join(pieces).decode("utf-8", "replace")

    def event_with(self, identity: object) -> Optional[dict[str, Any]]:
        reader = SseReader()
        while piece := self._piece():
            for data in reader.feed(piece):
                found = response_in(data, identity)
                if found is not None:
                    return found
        return None

    def words(self) -> str:
        """What the server says of an error: the `detail` of a problem, else how it begins."""
        text = ""
        with contextlib.suppress(OSError, http.client.HTTPException, Unreachable):
            text = self.text()
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(text)
            detail = found.get("detail") if isinstance(found, dict) else None
            text = detail if isinstance(detail, str) else text
        # It goes into one line of a banner.
        return " ".join("".join(c if c.isprintable() else " " for c in text[:300]).split())

    def _piece(self) -> bytes:
        left = self._deadline.left()
        # Whole small answers have been read and their socket closed before they are asked for.
        if self._line.fileno() >= 0:
            self._line.settimeout(left)
        piece = self._response.read1(65536)
        self._length += len(piece)
        if self._length > LARGEST_ANSWER:
            raise Unreachable("the answer is too long")
        return piece


def _with(what: str, words: str) -> str:
    return f"{what}: {words}" if words else what


def _words(error: Exception) -> str:
    # Before Python 3.10 this was no `TimeoutError`.
    if isinstance(error, socket.timeout):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
