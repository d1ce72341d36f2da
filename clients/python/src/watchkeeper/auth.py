"""Who we are: a token that was given, or one that is made from the shared secret.

Neither is ever written into a log, a spool or a command line.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import json
import logging
import os
import time
import uuid
from collections.abc import Mapping
from typing import Any, Optional

logger = logging.getLogger(__name__)

SECRETS = (
    "WATCHKEEPER_AUTH_SECRET",
    "SESSION_BUDDY_SECRET",
    "BODAI_SHARED_SECRET",
    "MAHAVISHNU_CROSS_PROJECT_AUTH_SECRET",
)
TOKEN = "WATCHKEEPER_TOKEN"
SHORTEST_SECRET = 32
LIFETIME = 300

# The daemon refuses the same ones: what stands in examples is nobody's secret.
_PLACEHOLDERS = (
    "changeme",
    "change-me",
    "change_me",
    "your-secret",
    "your_secret",
    "yoursecret",
    "placeholder",
    "example",
    "replace-this",
    "replace_this",
)


def token(environment: Optional[Mapping[str, str]] = None) -> Optional[str]:
    """What to send with a call; none where nothing was given."""
    variables = os.environ if environment is None else environment
    given = variables.get(TOKEN, "").strip()
    if given:
        # It goes into a header: what cannot stand in one was never a token.
        return given if given.isascii() and given.isprintable() else None
    found = secret(variables)
    return sign(claims(), found) if found else None


def secret(variables: Mapping[str, str]) -> Optional[str]:
    """The first secret that is set; one that is too short or a placeholder counts as none."""
    for name in SECRETS:
        value = variables.get(name)
        if not value:
            continue
        value = value.strip()
        if is_weak(value):
            logger.warning("%s is too short or a placeholder: calls carry no token", name)
            return None
        return value
    return None


def is_weak(value: str) -> bool:
    """Whether anybody could guess it."""
    low = value.lower()
    plain = len(value) < SHORTEST_SECRET or len(set(value)) == 1
    return plain or any(word in low for word in _PLACEHOLDERS)


def claims(lifetime: int = LIFETIME) -> dict[str, Any]:
    """What a token of ours says."""
    now = int(time.time())
    return {
        "sub": username(),
        "iss": "watchkeeper",
        "aud": "session-buddy",
        "iat": now,
        "exp": now + lifetime,
        "jti": str(uuid.uuid4()),
        "scopes": ["read", "write"],
    }


def sign(content: Mapping[str, Any], key: str) -> str:
    """An HS256 JSON Web Token."""
    head = {"alg": "HS256", "typ": "JWT"}
    body = ".".join(_base64(json.dumps(part).encode()) for part in (head, content))
    signature = hmac.new(key.encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{_base64(signature)}"


def username() -> str:
    """The user's name; `unknown` where nobody knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container's user may have no entry and no variable.
        return "unknown"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
