"""What a shell says of itself besides: any mapping, made fit to be sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LARGEST = 16 * 1024


def bounded(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The same as plain JSON; too much of it is left out, and that is said."""
    try:
        text = json.dumps(dict(metadata), default=str)
    except (TypeError, ValueError, RecursionError):
        return {"omitted": "cannot be written as JSON"}
    if len(text) > LARGEST:
        return {"omitted": f"{len(text)} bytes"}
    found: dict[str, Any] = json.loads(text)
    return found
