"""The head that all documents of `--json` share, and their text."""

import json
from collections.abc import Mapping

from mmio_bisect.report.foreign_text import for_json

SCHEMA = 2
"""Raised where members change their meaning. Since 2, `defects` are what was seen, and `unseen` is what was not:
`escapes`, and `undefined` where the object lacks the function."""

JSON = dict[str, object]


def document(command: str, **members: object) -> JSON:
    """The head, and then the command's own members."""
    return {"schema": SCHEMA, "command": command, **members}


def text_of(members: Mapping[str, object]) -> str:
    return for_json(json.dumps(members, ensure_ascii=False, indent=2)) + "\n"
