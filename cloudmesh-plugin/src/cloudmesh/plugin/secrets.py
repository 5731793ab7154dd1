"""Which words are secret, and how they look when they must be shown."""

from __future__ import annotations

import itertools
import re

MASK = "***"

# Names as clouds use them: OS_PASSWORD, EC2_SECRET_KEY, aws_secret_access_key, AZURE_CLIENT_SECRET,
# OS_BY_LOOK, api_key, apikey, private-key, ... A bare "key" is the name of a key pair, which is no secret.
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd$|password|secret|token|[_-]key$|api_?key|^pin$|private[_-]?key|_pw$"
    # Of OpenID Connect; a mere "code" is mostly the number of an error.
    r"|^os_code$|(auth|authorization|device)[_-]code$|code[_-]verifier$",
    re.IGNORECASE,
)
# The half of a key pair that everybody may know, where tokens are given and of which kind, the file of a key,
# and what an identity provider calls a one-time password.
_PUBLIC_NAME = re.compile(
    r"(^|[_-])public[_-]?key$|token[_-](endpoint|type)$|^os_key$|^os_idp_otp_key$", re.IGNORECASE
)
# Up to the last @ of the host part: a password may hold one itself.
_URL_PASSWORD = re.compile(r"(?<![\w+.-])(?P<before>[A-Za-z][\w+.-]*://[^/\s:@]*:)[^\s/]+(?=@)")
# How programs and protocols are given secrets: headers, and "-pSECRET", "-u NAME:SECRET". These are compiled
# when they are first used, since most processes never do.
_HEADER = (
    r"(?i)(?P<before>(?:(?:proxy-)?authorization|cookie)[\"']?\s*[:=]\s*[\"']?"
    r"|(?<![\w-])(?:-u|--user|--proxy-user)[\s=]*[\"'][^\s:\"']+:)[^\"'\n]+"
)
_UNNAMED = (
    r"(?i)(?P<before>\b(?:bearer|basic)\s+(?=[\w.~+/=-]{6})"
    r"|(?<![\w-])-p(?!\d+(?!\S))(?=\S)|(?<![\w-])-p\s+(?![\d.:]+(?!\S)|-)"
    r"|(?<![\w-])(?:-u|--user|--proxy-user)[\s=]*[^\s:\"']+:)(?:\"[^\"]*\"|'[^']*'|[^\s\"']+)"
)
# Tokens that are known by their look: of Keystone (Fernet), JSON web tokens, of GitHub, access keys of AWS,
# and those of our own REST services.
_BY_LOOK = (
    r"(?P<before>\b)(?:gAAAA[\w-]{20,}={0,2}|eyJ[\w-]{5,}\.[\w-]+\.[\w-]*|gh[pousr]_\w{20,}"
    r"|A(?:KIA|SIA)[0-9A-Z]{16}|cms_[0-9A-Za-z]{20,})"
)
# A name and its value in prose or in the code of a traceback, where hiding too much does no harm.
_PROSE = (
    r"(?i)(?P<before>(?<![a-z])(?:pass(?:word|wd|phrase|code)|secret|token)\w*[\"']?[ \t]*"
    r"(?:is|was|of|[:=(])?[ \t]*)(?:\"[^\"]*\"|'[^']*'|[^\s\"',;)]+)"
)
# "--password VALUE" is one option and its value; "--secrets" is a flag of our own commands.
_KEY = re.compile(r"(?<![\w.-])(?P<key>[\w.-]+)(?P<sign>[\"']?\s*[=:]\s*|(?P<blank>\s+)(?=[^\s-]))")
_FLAGS = {"--secrets"}
_QUOTED = r"\"(\\.|[^\"\\])*(\"|\Z)|'[^']*('|\Z)"
_QUOTE = re.compile(rf"\\.|{_QUOTED}", re.DOTALL)
_VALUE = re.compile(rf"({_QUOTED}|\\(.|\Z)|[^\s\"'\\])*", re.DOTALL)


def is_secret(key: str) -> bool:
    """Whether the value of this key must not be shown.

    ``key`` may be a dotted path: what is below a secret name is secret too. An option is looked at
    without its dashes.
    """
    parts = [part.lstrip("-") for part in key.split(".")]
    # The arguments of a cloud's driver: its "key" is no name of a key pair.
    bare = ("arguments", "key") in itertools.pairwise(parts)
    return bare or any(_SECRET_NAME.search(part) and not _PUBLIC_NAME.search(part) for part in parts)


def mask_value(key: str, value: object) -> object:
    """The value as it may be shown: ``***`` under a secret key, else with passwords in URLs masked.

    Nested dicts and lists are masked through; under a secret key everything is.
    """
    if isinstance(value, dict):
        return {name: mask_value(_below(key, str(name)), item) for name, item in value.items()}
    if isinstance(value, list):
        return [mask_value(key, item) for item in value]
    # What stands there in place of the section is most likely a secret without its name.
    if is_secret(key) or key == "credentials":
        return MASK
    return mask_text(value) if isinstance(value, str) else value


def _below(key: str, name: str) -> str:
    """The key by which what stands under ``name`` in the section ``key`` is judged."""
    if is_secret(key):
        return key
    return f"{key}.{name}" if key == "arguments" else name


def mask_text(text: str, prose: bool = False) -> str:
    """A free text, such as a line of a script, without the secrets one can recognise in it.

    These are passwords in URLs, what follows a secret name: ``NAME=value``, ``NAME: value``,
    ``"NAME": "value"``, ``--name value``, with a quoted value taken as a whole; ``Authorization: Bearer x``,
    ``-pSECRET``, ``-u NAME:SECRET``, and tokens that are known by their look. With ``prose``, for a
    traceback, also what follows a word such as "password".
    """
    text = _URL_PASSWORD.sub(rf"\g<before>{MASK}", text)
    for pattern in (_HEADER, _UNNAMED, _BY_LOOK, *([_PROSE] if prose else [])):
        text = re.sub(pattern, rf"\g<before>{MASK}", text)
    shown, at = [], 0
    while match := _KEY.search(text, at):
        end = match.end()
        shown.append(text[at:end])
        at = end
        key = match["key"]
        # "--password VALUE" and "credentials.OS_PASSWORD VALUE" are a name and its value.
        is_name = (key.startswith("--") and key not in _FLAGS) or "." in key.strip(".")
        if (is_name or not match["blank"]) and is_secret(key):
            shown.append(MASK)
            at = _end_of_value(text, match)
    return "".join(shown) + text[at:]


def _end_of_value(text: str, match: re.Match[str]) -> int:
    """Where the value after a key ends; of one quoted together with its key, before the closing quote."""
    end, at = match.end(), match.start("key")
    quote = next((found[0][0] for found in _QUOTE.finditer(text) if found.start() < at < found.end()), "")
    if quote and not match["sign"].startswith(quote):
        closing = text.find(quote, end)
        return closing if closing >= 0 else len(text)
    value = _VALUE.match(text, end)
    return value.end() if value else end
