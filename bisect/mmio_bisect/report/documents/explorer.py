"""A link to Compiler Explorer whose page is set up already: source, compilers and options lie in the address itself.

The form is that of its documentation, docs/API.md, "/clientstate/<base64>": JSON of sessions, each an editor with
compilers beside it; `/` is escaped, for base64 has it as a digit. `families` has the compilers' names there.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from mmio_bisect.domain.recipe import Language

SITE = "https://godbolt.org"
_LANGUAGES = {Language.C: "c", Language.RUST: "rust", Language.LLVM_IR: "llvm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One compiler beside the source; `compiler` as the site names it."""

    compiler: str
    options: str


def link(source: str, language: Language, panes: Sequence[Pane]) -> str:
    state = {
        "sessions": [
            {
                "id": 1,
                "language": _LANGUAGES[language],
                "source": source,
                "compilers": [{"id": pane.compiler, "options": pane.options} for pane in panes],
            }
        ]
    }
    told = base64.b64encode(json.dumps(state, separators=(",", ":")).encode()).decode()
    return f"{SITE}/clientstate/{quote(told, safe='')}"
