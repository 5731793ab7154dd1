"""Which words are secret, and how they look when they must be shown."""

from __future__ import annotations

import re

MASK = "***"

# Names as clouds use them: OS_PASSWORD, EC2_SECRET_KEY, aws_secret_access_key, AZURE_CLIENT_SECRET,
# OS_TOKEN, api_key, apikey, private-key, ... A bare "key" is the name of a key pair, which is no secret.
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|password|secret|token|[_-]key$|api_?key|^pin$|private|_pw$",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(?P<before>[A-Za-z][\w+.-]*://[^/\s:@]*:)[^@\s/]+(?=@)")
_ASSIGNMENT = re.compile(r"(?P<key>[\w.-]+)(?P<sign>\s*[=:]\s*)(?P<value>\"[^\"]*\"|'[^']*'|\S+)")


def is_secret(key: str) -> bool:
    """Whether the value of this key must not be shown.

    ``key`` may be a dotted path; only its last part decides, since ``credentials.OS_USERNAME`` is none.
    """
    return bool(_SECRET_NAME.search(key.rsplit(".", 1)[-1]))


def mask_value(key: str, value: object) -> object:
    """The value as it may be shown: ``***`` under a secret key, else with passwords in URLs masked.

    Nested dicts and lists are masked through; under a secret key everything is.
    """
    if isinstance(value, dict):
        return {name: mask_value(key if is_secret(key) else str(name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [mask_value(key, item) for item in value]
    if is_secret(key):
        return MASK
    return mask_text(value) if isinstance(value, str) else value


def mask_text(text: str) -> str:
    """A free text, such as a line of a script, without the secrets one can recognise in it."""
    text = _URL_PASSWORD.sub(rf"\g<before>{MASK}", text)
    return _ASSIGNMENT.sub(_mask_assignment, text)


def _mask_assignment(match: re.Match[str]) -> str:
    if not is_secret(match["key"]):
        return match[0]
    return f"{match['key']}{match['sign']}{MASK}"
