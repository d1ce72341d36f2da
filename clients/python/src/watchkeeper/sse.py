"""Server-sent events, as far as MCP needs them: the data of each."""

from __future__ import annotations


class SseReader:
    """Takes bytes as they come, gives the data of each whole event."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[str]:
        """The data of the events that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if text.startswith("data:"):
                self._data.append(text[5:].removeprefix(" "))
            elif not text and self._data:
                found.append("\n".join(self._data))
                self._data = []
        return found
