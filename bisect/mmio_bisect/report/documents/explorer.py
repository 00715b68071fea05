"""A link to Compiler Explorer whose page is set up already: source, compilers and options lie in the address itself.

The form is that of its documentation, docs/API.md, "/clientstate/<base64>": JSON of sessions, each an editor with
compilers beside it; `/` is escaped, for base64 has it as a digit. The compilers' names are those of its configuration
(compiler-explorer/compiler-explorer, etc/config/c.amazon.properties and rust.amazon.properties, read in November 2026).
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from mmio_bisect.domain.recipe import Language
from mmio_bisect.domain.toolchain import CompilerFamily, Toolchain

SITE = "https://godbolt.org"
_LANGUAGES = {Language.C: "c", Language.RUST: "rust", Language.LLVM_IR: "llvm"}
_CLANGS = {9: "900", 10: "1000", 11: "1100", 12: "1200", 13: "1300", 14: "1400", 15: "1500", 16: "1600"}
_CLANGS |= {17: "1701", 18: "1810", 19: "1910", 20: "2010", 21: "2110"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One compiler beside the source; `compiler` as the site names it."""

    compiler: str
    options: str


def compiler_there(toolchain: Toolchain) -> str | None:
    """The site's nearest compiler: clang by major version, rustc by release, trunk or nightly where ours is newer.

    None where the site has no such compiler for sure.
    """
    numbers = [int(part) if part.isdigit() else 0 for part in toolchain.compiler_version.split(".")[:2]]
    match toolchain.family:
        case CompilerFamily.CLANG:
            major = numbers[0] if numbers else 0
            if major > max(_CLANGS):
                return "cclang_trunk"
            return f"cclang{_CLANGS[major]}" if major in _CLANGS else None
        case CompilerFamily.RUSTC:
            if "nightly" in toolchain.version_text:
                return "nightly"
            return f"r{numbers[0]}{numbers[1]}0" if len(numbers) == 2 and numbers[0] == 1 else None
        case CompilerFamily.GCC | CompilerFamily.LLC | CompilerFamily.TCC:
            return None


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
