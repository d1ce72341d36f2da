"""MCP over a program's standard input and output: one JSON object per line."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
from pathlib import Path
from typing import Any, Optional

from .errors import Unreachable
from .wire import LARGEST_ANSWER, Deadline, response_in


class StdioWire:
    """Starts the program when it is needed, and keeps it while the shell lives."""

    token_as_argument = True

    def __init__(self, program: str) -> None:
        self._command = command_for(program)
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._rest = b""

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Writes a request and reads on until the response with its id."""
        deadline = Deadline(timeout)
        try:
            process = self._write(message, deadline)
            while True:
                # A server may also ask and tell things of its own: of no interest here.
                found = response_in(self._line(process, deadline), message["id"])
                if found is not None:
                    return found
        except Unreachable:
            # What it still says would be taken for the answer to something else.
            self.close()
            raise

    def notify(self, message: dict[str, Any], timeout: float) -> None:
        """Writes what has no answer."""
        self._write(message, Deadline(timeout))

    def agreed(self, protocol_version: str) -> None:
        """Nothing to remember: lines carry no headers."""

    def close(self) -> None:
        """Ends the program: by the end of its input, else by a signal."""
        process, self._process, self._rest = self._process, None, b""
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        for end in (None, process.terminate, process.kill):
            if end is not None:
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
                return

    def _write(self, message: dict[str, Any], deadline: Deadline) -> subprocess.Popen[bytes]:
        process = self._process or self._start()
        assert process.stdin is not None
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                _wait(process.stdin.fileno(), selectors.EVENT_WRITE, deadline)
                data = data[os.write(process.stdin.fileno(), data) :]
        except OSError as error:
            self.close()
            raise Unreachable(f"{self._command[0]} has ended") from error
        return process

    def _line(self, process: subprocess.Popen[bytes], deadline: Deadline) -> str:
        assert process.stdout is not None
        while b"\n" not in self._rest:
            _wait(process.stdout.fileno(), selectors.EVENT_READ, deadline)
            piece = os.read(process.stdout.fileno(), 65536)
            self._rest += piece
            if not piece:
                raise Unreachable(f"{self._command[0]} has ended")
            if len(self._rest) > LARGEST_ANSWER:
                raise Unreachable("the answer is too long")
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                # The shell's Ctrl-C is not meant for it.
                start_new_session=True,
            )
        except OSError as error:
            why = error.strerror or "cannot be run"
            raise Unreachable(f"{self._command[0]}: {why}") from error
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        self._process = process
        return process


def command_for(program: str) -> list[str]:
    """How to run what `SESSION_BUDDY_PATH` names: a program, or a project of that name."""
    path = Path(program)
    if path.is_dir():
        return ["uv", "--directory", program, "run", "python", "-m", "session_buddy"]
    # `wk` needs to be told; whatever else is named there speaks MCP by itself.
    return [program, "mcp"] if path.name == "wk" else [program]


def _wait(fd: int, event: int, deadline: Deadline) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, event)
        if not selector.select(deadline.left()):
            raise Unreachable("no answer in time")
