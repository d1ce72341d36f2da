"""What can be set, and where environment and daemon say it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from . import daemon_files
from .daemon_files import state_folder

DEFAULT_ENDPOINT = "http://127.0.0.1:8678/mcp"

_ENDPOINTS = ("SESSION_BUDDY_MCP_ENDPOINT", "WATCHKEEPER_ENDPOINT", "WK_CLIENT_ENDPOINT")
_OFF = {"0", "off", "false", "no"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Settings:
    """How a tracker behaves. All times are in seconds."""

    endpoint: str = DEFAULT_ENDPOINT
    #: Nobody has named the endpoint: it is where this user's daemon listens.
    own_daemon: bool = False
    #: A program that speaks MCP on its standard input and output; used instead of the endpoint.
    program: Optional[str] = None
    #: The user switched tracking off.
    enabled: bool = True

    attempts: int = 3
    first_delay: float = 1.0
    longest_delay: float = 10.0
    #: For one attempt, from connecting to the last byte of the answer.
    timeout: float = 2.0

    breaker_failures: int = 3
    breaker_open: float = 60.0
    heartbeat: float = 60.0

    #: How long a shell's start waits for the answer before it shows its banner.
    start_wait: float = 0.5
    #: How long a shell's end waits; what is not told by then is told by the next shell.
    end_wait: float = 1.0

    #: Where events wait while the daemon is away; none: they wait in memory only.
    spool: Optional[Path] = None

    @classmethod
    def from_environment(cls, environment: Optional[Mapping[str, str]] = None) -> Settings:
        """The defaults, changed by what the daemon has left, and that by the environment."""
        variables = os.environ if environment is None else environment
        given = next(filter(None, (variables.get(name) for name in _ENDPOINTS)), None)
        state = state_folder(variables)
        left = daemon_files.settings(state)
        told = given or _text(left.get("endpoint"))
        own = daemon_files.endpoint(daemon_files.runtime_folder(variables)) if not told else None
        settings = cls(
            endpoint=told or own or DEFAULT_ENDPOINT,
            own_daemon=not told,
            # An address that was given says more than a program that happens to be there.
            program=None if given else variables.get("SESSION_BUDDY_PATH") or None,
            enabled=variables.get("WATCHKEEPER_TRACKING", "").strip().lower() not in _OFF,
            spool=state / "client-spool" if state else None,
        )

        def setting(name: str) -> Optional[str]:
            return variables.get(f"WK_CLIENT_{name.upper()}") or _text(left.get(name))

        return replace(
            settings,
            attempts=_count(setting("attempts"), settings.attempts),
            breaker_failures=_count(setting("breaker_failures"), settings.breaker_failures),
            breaker_open=seconds(setting("breaker_open"), settings.breaker_open),
        )

    @property
    def server(self) -> str:
        """What events that wait on disk call the server, wherever it listens just now."""
        if self.program:
            return f"stdio:{self.program}"
        return DEFAULT_ENDPOINT if self.own_daemon else self.endpoint

    def delay(self, failures: int) -> float:
        """How long to wait after so many failures in a row: 1 s, 2 s, 4 s … 10 s."""
        # The exponent is bounded: 2.0 ** 5000 is an error, not a large number.
        return min(self.first_delay * 2.0 ** min(max(failures - 1, 0), 30), self.longest_delay)


def seconds(text: Optional[str], default: float) -> float:
    """A duration as `wk` writes them: `90`, `60s`, `5m`, `24h`."""
    found = _DURATION.fullmatch(text.strip()) if text else None
    return float(found[1]) * _SECONDS[found[2] or "s"] if found else default


def _text(value: object) -> Optional[str]:
    """What stands in a file of JSON, as a variable would have it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.isprintable() and value else None


def _count(text: Optional[str], default: int) -> int:
    return max(int(text), 1) if text and text.isascii() and text.isdigit() else default
