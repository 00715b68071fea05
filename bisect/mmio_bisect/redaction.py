"""Takes passwords and tokens out of texts: what is stored, printed or raised passes through here first.

Every message of `errors.MmioBisectError` does, and the words of the command line do before they become a run's `argv`.
What is hidden is `***`, as SQLAlchemy's `URL.render_as_string(hide_password=True)` writes it.
"""

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

HIDDEN: Final = "***"

# What strangers wrote passes here too, at any length: each pattern takes time in proportion to the text.
_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,30})://(?P<rest>\S*)")
_WORD_URL = re.compile(_URL.pattern.replace(r"\S*", ".*"), re.DOTALL)
_NAMES: Final = r"(?:passw(?:or)?d|passphrase|pwd|token|secret|credential|api[_-]?key|access[_-]?key)s?"
# libpq's `password = 'it\'s secret'`, and JSON's or Python's `"password": "…"`.
_PAIR = re.compile(
    rf"(?P<name>{_NAMES}(?:\s*=\s*|[\"']\s*:\s*))(?P<value>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\s&]+)",
    re.IGNORECASE,
)
# In the names of a query's parameters; the two that only say where a secret is are shown.
_SECRET = re.compile(r"pass|pwd|token|secret|key|sig|auth|cred|api|code|sas|jwt|session", re.IGNORECASE)
_PLACES: Final = frozenset({"passfile", "sslkey"})
_CLOSING: Final = "\"'“”‘’)]}>,.;:"
_MOST_NESTED: Final = 3
"""URLs within a parameter of a URL; of more than these nothing is shown."""


def redact(text: str) -> str:
    """The text without the passwords of URLs, their secret parameters, and the values of `password=` and its like.

    Of a URL of the web nothing before its host is kept, since tokens stand where a name should.
    """
    if "://" in text:
        text = _URL.sub(_url, text)
    return _PAIR.sub(_pair, text)


def redact_words(words: Sequence[str]) -> tuple[str, ...]:
    """Each as `redact`; a URL is all of its word, whatever characters are in its password."""
    return tuple(_PAIR.sub(_pair, _WORD_URL.sub(_url, word)) for word in words)


def redact_url(text: str) -> str:
    """What should be a URL; nothing of one that lacks its scheme and may have a password."""
    return HIDDEN if "@" in text and "://" not in text else redact_words([text])[0]


def redact_all(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    """Each text in what JSON holds, as `redact`, and what is called `argv` as `redact_words`."""
    match value:
        case str():
            return redact(value)
        case list():
            return [redact_all(each) for each in value]
        case dict():
            return {key: list(redact_words(each)) if key == "argv" else redact_all(each) for key, each in value.items()}
        case _:
            return value


def redact_document(text: str) -> str:
    """A document of JSON, written as it was; left as it is, to the letter, where it has nothing to hide.

    What is not JSON is a text.
    """
    try:
        members = json.loads(text)
    except ValueError:
        return redact(text)
    redacted = redact_all(members)
    if redacted == members:
        return text
    indented = text.startswith("{\n")
    return json.dumps(redacted, ensure_ascii=False, indent=2 if indented else None) + ("\n" if indented else "")


def command_to_repeat(lead: str, words: Sequence[str]) -> str:
    """`LEAD: COMMAND`, which can be copied. Without a password that was hidden, it says where to put that."""
    shown = [_without_hidden(word) for word in words]
    if shown != list(words):
        lead += ", with the database's password in ~/.pgpass or its whole URL in MMIO_BISECT_DATABASE"
    return f"{lead}: {shlex.join(shown)}"


def _without_hidden(word: str) -> str:
    """A URL whose password is left to libpq: `***` would be taken for it."""
    if HIDDEN not in word:
        return word
    place, _, query = word.replace(f":{HIDDEN}@", "@").partition("?")
    kept = [parameter for parameter in query.split("&") if parameter and not parameter.endswith(f"={HIDDEN}")]
    return f"{place}?{'&'.join(kept)}" if kept else place


def _url(found: re.Match[str]) -> str:
    rest = found["rest"]
    user, host = _parted(rest)
    place, question, query = host.partition("?")
    shown = found["scheme"] + "://"
    if user is not None:
        web = found["scheme"].lower().rpartition("+")[2] in {"http", "https"}
        name, colon, _ = user.partition(":")
        shown += f"{HIDDEN}@" if web else f"{name}:{HIDDEN}@" if colon else f"{name}@"
    return shown + place + question + "&".join(map(_parameter, query.split("&")))


def _parted(rest: str) -> tuple[str | None, str]:
    """What stands before the host, and the rest. A password may hold `@`, `/` and `?` that should have been escaped."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in rest or not {"@", ":"} & set(authority):
        return None, rest
    before, question, query = rest.partition("?")
    if "@" not in before or "@" in re.split("[=&]", query, maxsplit=1)[0]:
        before, question, query = rest, "", ""
    user, _, host = before.rpartition("@")
    return user, host + question + query


def _parameter(written: str) -> str:
    before, equals, value = written.partition("=")
    name, content = unquote(before.rpartition("?")[2]).lower(), unquote(value)
    if not equals or not name or name in _PLACES:
        return written
    if not _SECRET.search(name) and content.count("://") <= _MOST_NESTED and redact(content) == content:
        return written
    return f"{before}={HIDDEN}{_closing(value)}"


def _pair(found: re.Match[str]) -> str:
    quote = found["value"][0] if found["value"][0] in "'\"" else ""
    return f"{found['name']}{quote}{HIDDEN}{quote}{'' if quote else _closing(found['value'])}"


def _closing(value: str) -> str:
    """The marks at its end that close what it stands in."""
    return value[len(value.rstrip(_CLOSING)) :]
