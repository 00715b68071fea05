"""The head that all documents of `--json` share, and their text."""

import json
from collections.abc import Mapping

SCHEMA = 1

JSON = dict[str, object]


def document(command: str, **members: object) -> JSON:
    """The head, and then the command's own members."""
    return {"schema": SCHEMA, "command": command, **members}


def text_of(members: Mapping[str, object]) -> str:
    return json.dumps(members, ensure_ascii=False, indent=2) + "\n"
