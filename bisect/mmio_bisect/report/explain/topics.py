"""The pages of `explain`: a defect kind, or one encoding as the profiles see it."""

from mmio_bisect.classify.isa.aarch64.words import Word, read_word
from mmio_bisect.classify.verdict.form_table import table
from mmio_bisect.classify.verdict.profiles import PROFILES, profiles_of
from mmio_bisect.domain.access import PAGES, DefectKind, Transfer
from mmio_bisect.domain.records import record_of
from mmio_bisect.report.documents.json_text import JSON
from mmio_bisect.report.terminal.tables import columns


def all_defects() -> tuple[str, JSON]:
    rows = [(kind.value, page.title) for kind, page in PAGES.items()]
    members: JSON = {"defects": [{"kind": kind, "title": title} for kind, title in rows]}
    return columns(rows) + "\n", members


def defect(kind: DefectKind) -> tuple[str, JSON]:
    page = PAGES[kind]
    members: JSON = {"kind": kind.value, "title": page.title, "text": page.text, "source": page.source}
    return f"{kind}: {page.title}\n\n{page.text}\n\nSource: {page.source}.\n", members


def encoding(word: int, text: str | None) -> tuple[str, JSON]:
    """One A64 word; `text` is the disassembler's assembly, None where it refuses the word."""
    found = read_word(word, text)
    rows = [("encoding", f"{word:#010x}"), ("assembly", found.text), ("form", found.form)]
    if found.transfer is not None:
        rows += _transfer_rows(found.transfer)
    rows += [("ISV", _ISV[found.valid]), ("why", found.why)]
    if found.section is not None:
        rows.append(("source", f"Arm ARM (DDI 0487), C4.1, “{found.section}”; {_ISV_SOURCE}"))
    if found.transfer is not None:
        rows += _profile_rows(found.transfer)
    return columns(rows) + "\n", _members(found)


_ISV = {True: "1", False: "0", None: "no abort to carry one"}
_ISV_SOURCE = "ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV"


def word_line(written: str, found: Word) -> JSON:
    """A word, `written` as in the file, as one line of `explain --words --json` has it."""
    return {"word": written, "text": found.text, "form": found.form, "isv": found.valid}


def _transfer_rows(transfer: Transfer) -> list[tuple[str, str]]:
    return [
        ("direction", " and ".join(direction.value for direction in transfer.directions) or "none"),
        ("width", _width(transfer)),
        ("addressing", transfer.addressing.value),
        ("writeback", "yes" if transfer.addressing.writes_back else "no"),
        ("registers", f"{', '.join(transfer.registers) or 'none'} ({transfer.register_class})"),
    ]


def _profile_rows(transfer: Transfer) -> list[tuple[str, str]]:
    return [
        (profile.name, "emulated" if profile.emulates(transfer) else f"not emulated: {profile.otherwise}")
        for profile in profiles_of("aarch64")
    ]


def profile_table() -> tuple[str, JSON]:
    """Architectures × forms × profiles, as the rules have it."""
    rows = table()
    parts = []
    for architecture in dict.fromkeys(row.architecture for row in rows):
        of_it = [row for row in rows if row.architecture == architecture]
        heads = [(architecture, *of_it[0].emulated)]
        marks = [(row.form, *("yes" if can else "-" for can in row.emulated.values())) for row in of_it]
        parts.append(columns([*heads, *marks]))
    members: JSON = {
        "rows": [{"architecture": row.architecture, "form": row.form, "emulated": row.emulated} for row in rows],
        "profiles": [
            {
                "name": profile.name,
                "architectures": list(profile.architectures),
                "summary": profile.summary,
                "source": profile.source,
                "otherwise": profile.otherwise,
            }
            for profile in PROFILES.values()
        ],
    }
    sources = columns(
        [(profile.name, f"{profile.summary}. Source: {profile.source}.") for profile in PROFILES.values()]
    )
    return "\n\n".join([*parts, sources]) + "\n", members


def _members(found: Word) -> JSON:
    transfer = found.transfer
    members: JSON = {
        "encoding": f"{found.word:#010x}",
        "text": found.text,
        "form": found.form,
        "isv": found.valid,
        "why": found.why,
        "section": found.section,
        "transfer": None,
        "profiles": {},
    }
    if transfer is not None:
        members["transfer"] = {
            **record_of(transfer, without={"element_width", "sign_extends", "ordered"}),
            "width": transfer.width,
            "writeback": transfer.addressing.writes_back,
            "syndrome_valid": found.valid,
        }
        members["profiles"] = {profile.name: profile.emulates(transfer) for profile in profiles_of("aarch64")}
    return members


def _width(transfer: Transfer) -> str:
    if transfer.element_width is None:
        return "not said by the encoding"
    whole = f"{transfer.width} bits"
    return whole if transfer.elements == 1 else f"{whole} ({transfer.elements} × {transfer.element_width})"
