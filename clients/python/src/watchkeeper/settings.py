"""What can be set, and where the environment says it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

DEFAULT_ENDPOINT = "http://127.0.0.1:8678/mcp"

_OFF = {"0", "off", "false", "no"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Settings:
    """How a tracker behaves. All times are in seconds."""

    endpoint: str = DEFAULT_ENDPOINT
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
        """The defaults, changed by what the environment says."""
        variables = os.environ if environment is None else environment
        given = variables.get("SESSION_BUDDY_MCP_ENDPOINT") or variables.get("WATCHKEEPER_ENDPOINT")
        settings = cls(
            endpoint=given or DEFAULT_ENDPOINT,
            # An address that was given says more than a program that happens to be there.
            program=None if given else variables.get("SESSION_BUDDY_PATH") or None,
            enabled=variables.get("WATCHKEEPER_TRACKING", "").strip().lower() not in _OFF,
            spool=_spool(variables),
        )
        attempts = _count(variables.get("WK_CLIENT_ATTEMPTS"), settings.attempts)
        failures = _count(variables.get("WK_CLIENT_BREAKER_FAILURES"), settings.breaker_failures)
        pause = seconds(variables.get("WK_CLIENT_BREAKER_OPEN"), settings.breaker_open)
        return replace(settings, attempts=attempts, breaker_failures=failures, breaker_open=pause)

    def delay(self, failures: int) -> float:
        """How long to wait after so many failures in a row: 1 s, 2 s, 4 s … 10 s."""
        # The exponent is bounded: 2.0 ** 5000 is an error, not a large number.
        return min(self.first_delay * 2.0 ** min(max(failures - 1, 0), 30), self.longest_delay)


def seconds(text: Optional[str], default: float) -> float:
    """A duration as `wk` writes them: `90`, `60s`, `5m`, `24h`."""
    found = _DURATION.fullmatch(text.strip()) if text else None
    return float(found[1]) * _SECONDS[found[2] or "s"] if found else default


def state_folder(variables: Mapping[str, str]) -> Optional[Path]:
    """Where Watchkeeper keeps this user's state; none where that cannot be told."""
    own, xdg, home = (variables.get(name) for name in ("WK_STATE_DIR", "XDG_STATE_HOME", "HOME"))
    if own:
        folder = Path(own)
    elif xdg:
        folder = Path(xdg) / "watchkeeper"
    elif home:
        folder = Path(home) / ".local/state/watchkeeper"
    else:
        return None
    return folder if folder.is_absolute() else None


def _spool(variables: Mapping[str, str]) -> Optional[Path]:
    folder = state_folder(variables)
    return folder / "client-spool" if folder else None


def _count(text: Optional[str], default: int) -> int:
    return max(int(text), 1) if text and text.isascii() and text.isdigit() else default
