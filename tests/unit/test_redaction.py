"""No password is in what `redact` gives, wherever it stood; what is not secret stays to the letter."""

import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmio_bisect.cli import codes
from mmio_bisect.errors import MissingToolchainError
from mmio_bisect.redaction import command_to_repeat, redact, redact_all, redact_document, redact_words

SHOWN = [
    ("postgresql+psycopg://me:{}@host:5432/db", "postgresql+psycopg://me:***@host:5432/db"),
    ("postgresql://me:{}@/db?host=/run/pg&application_name=a@b", "postgresql://me:***@/db?host=/run/pg&application_name=a@b"),
    ("postgresql:///db?user=me&password={}&host=/run", "postgresql:///db?user=me&password=***&host=/run"),
    ("postgresql:///db?pass%77ord={}", "postgresql:///db?pass%77ord=***"),
    ("postgresql:///db?passfile=/home/me/.pgpass&sslkey=k&sslpassword={}", "postgresql:///db?passfile=/home/me/.pgpass&sslkey=k&sslpassword=***"),
    ("postgresql:///db?conninfo=password%3D{}", "postgresql:///db?conninfo=***"),
    ("host=h user=me password={} dbname=d", "host=h user=me password=*** dbname=d"),
    ("host=h password = 'a \\' {}' dbname=d", "host=h password = '***' dbname=d"),
    ("the driver was given {{'password': '{}', 'host': 'h'}}", "the driver was given {'password': '***', 'host': 'h'}"),
    ("https://{}@mirror/dist (404): ask", "https://***@mirror/dist (404): ask"),
    ("https://me:{}@mirror/dist, again", "https://***@mirror/dist, again"),
    ("git+https://{}@forge/repo.git", "git+https://***@forge/repo.git"),
    ("“https://mirror/a?token={}” is refused", "“https://mirror/a?token=***” is refused"),
    ("(https://b.example/a?X-Amz-Signature={}&X-Amz-Expires=60).", "(https://b.example/a?X-Amz-Signature=***&X-Amz-Expires=60)."),
    ("https://mirror/a#access_token={}", "https://mirror/a#access_token=***"),
    ("mailtos://me:{}@mail.example", "mailtos://me:***@mail.example"),
]  # fmt: skip
KEPT = [
    "sqlite:////home/me/a:b@c.db",
    "postgresql://me@host/db",
    "ssh://git@github.com/rust-lang/rust",
    "https://host/@scope/package",
    "zig@0.12.1 and zig:0.8.0..0.17.1",
    "run.c:3: key=value is not a directive: write token",
    "https://example.org/issues/1?page=2#comment-3",
    "the password: in ~/.pgpass",
]


@pytest.mark.parametrize(("written", "shown"), SHOWN)
def test_a_secret_is_hidden_and_what_is_around_it_stays(written: str, shown: str) -> None:
    # A slash ends the host, where no colon says that a password has begun.
    slashed = () if "//{}@" in written else ("c/a",)
    for secret in ("canary", "c%40a", "c:a", "c=a", *slashed):
        assert redact(written.format(secret)) == shown, secret
    assert redact(shown) == shown


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text
    assert redact_words([text]) == (text,)


PASSWORDS = st.text(string.ascii_letters + string.digits + string.punctuation + "äß☃", min_size=1, max_size=12).map(
    lambda text: f"Canary{text}Yranac"
)


@given(PASSWORDS, st.sampled_from(["postgresql+psycopg", "mysql", "https", "odd"]))
def test_no_word_of_a_command_shows_a_password_escaped_or_not(password: str, scheme: str) -> None:
    for written in (password, quote(password), quote(password, safe="")):
        (word,) = redact_words([f"--database={scheme}://me:{written}@host/db?x=1"])
        assert "Canary" not in word
        assert "Yranac" not in word
        assert word.endswith("host/db?x=1")
    (word,) = redact_words([f"{scheme}://host/db?x=1&password={quote(password, safe='')}"])
    assert word == f"{scheme}://host/db?x=1&password=***"


@given(st.recursive(st.text() | PASSWORDS.map(lambda password: f"a https://me:{password}@h b"), st.lists))
def test_a_document_stays_json_and_without_a_secret_it_stays_to_the_letter(members: object) -> None:
    for text in (json.dumps(members, ensure_ascii=False, indent=2), json.dumps(members, ensure_ascii=False)):
        redacted = redact_document(text)
        assert json.loads(redacted) == redact_all(json.loads(text))
        assert redact_document(redacted) == redacted
        if "Canary" not in text and "://" not in text and "=" not in text and ":" not in text:
            assert redacted == text


def test_the_words_called_argv_are_whole_words_in_a_document() -> None:
    document = json.dumps({"argv": ["run", "--database", "postgresql://me:two words@host/db"]})
    assert redact_document(document) == json.dumps({"argv": ["run", "--database", "postgresql://me:***@host/db"]})


def test_every_error_hides_what_its_message_had() -> None:
    for kind in codes.error_classes():
        said = "https://me:canary@mirror/a is not there"
        error = MissingToolchainError(said, for_good=True) if kind is MissingToolchainError else kind(said)
        assert str(error) == "https://***@mirror/a is not there"
        assert "canary" not in repr(error)


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("postgresql://me:pw@host/db?x=1", "'postgresql://me@host/db?x=1'"),
        ("postgresql:///db?password=pw&sslpassword=pw&host=/run", "'postgresql:///db?host=/run'"),
        ("postgresql:///db?password=pw", "postgresql:///db"),
    ],
)
def test_the_command_to_repeat_leaves_the_password_to_libpq_and_says_so(url: str, left: str) -> None:
    said = command_to_repeat("To resume", redact_words(["mmio-bisect", "run", "--database", url]))
    where = "with the database's password in ~/.pgpass or its whole URL in MMIO_BISECT_DATABASE"
    assert said == f"To resume, {where}: mmio-bisect run --database {left}"


def test_the_command_to_repeat_is_that_command_where_nothing_was_hidden() -> None:
    assert command_to_repeat("To resume", ["mmio-bisect", "run", "a b"]) == "To resume: mmio-bisect run 'a b'"


LENGTH = 200_000


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"://{piece * (LENGTH // len(piece))}"
            for piece in ("a", "a.", "a-", "=", "&", "?", "@", ":", "/", ")", "a=", "'")
        ),
        *(
            f"{piece * (LENGTH // len(piece))}://"
            for piece in ("a", "a.", "1a", "password", "password=", 'token="', "key: ")
        ),
        f"x://h?{'a' * LENGTH}",
        f"x://h?a={')' * LENGTH}x",
        "http://h?a=" * (LENGTH // 11),
        "http://me:b@h?a=" * (LENGTH // 16),
        "password" + " " * LENGTH,
        "password='" + "\\" * LENGTH,
    ],
    ids=lambda text: text[:20],
)
def test_long_texts_of_strangers_take_as_long_as_they_are(text: str) -> None:
    """Not timed: what grows with the square of the length runs into the suite's limit."""
    redact(text)
    redact_words([text])
