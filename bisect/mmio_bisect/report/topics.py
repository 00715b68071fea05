"""The pages of `explain`: a defect kind, or one encoding as the profiles see it."""

from mmio_bisect.classify.defects import PAGES
from mmio_bisect.classify.profiles import PROFILES
from mmio_bisect.domain.access import DefectKind, Transfer
from mmio_bisect.report.documents import JSON
from mmio_bisect.report.tables import columns


def all_defects() -> tuple[str, JSON]:
    rows = [(page.kind.value, page.title) for page in PAGES.values()]
    members: JSON = {"defects": [{"kind": kind, "title": title} for kind, title in rows]}
    return columns(rows) + "\n", members


def defect(kind: DefectKind) -> tuple[str, JSON]:
    page = PAGES[kind]
    members: JSON = {"kind": kind.value, "title": page.title, "text": page.text, "source": page.source}
    return f"{kind}: {page.title}\n\n{page.text}\n\nSource: {page.source}.\n", members


def encoding(word: int) -> tuple[str, JSON]:
    from mmio_bisect.classify.aarch64 import decode  # noqa: PLC0415 - a large table, not needed for a defect

    transfer = decode(word)
    if transfer is None:
        return f"{word:#010x}: no memory access.\n", {"encoding": f"{word:#010x}", "transfer": None, "profiles": {}}
    emulated = {name: profile.emulates(transfer) for name, profile in PROFILES.items()}
    rows = [
        ("encoding", f"{word:#010x}"),
        ("form", transfer.form.value),
        ("direction", " and ".join(direction.value for direction in transfer.directions) or "none"),
        ("width", _width(transfer)),
        ("addressing", transfer.addressing.value),
        ("registers", f"{', '.join(transfer.registers) or 'none'} ({transfer.register_class})"),
        ("syndrome", transfer.why),
        *((name, "emulated" if can else f"not emulated: {PROFILES[name].otherwise}") for name, can in emulated.items()),
    ]
    members: JSON = {
        "encoding": f"{word:#010x}",
        "transfer": {
            "form": transfer.form.value,
            "directions": [direction.value for direction in transfer.directions],
            "width": transfer.width,
            "elements": transfer.elements,
            "addressing": transfer.addressing.value,
            "register_class": transfer.register_class.value,
            "registers": list(transfer.registers),
            "syndrome_valid": transfer.syndrome_valid,
            "why": transfer.why,
        },
        "profiles": emulated,
    }
    return columns(rows) + "\n", members


def _width(transfer: Transfer) -> str:
    if transfer.element_width is None:
        return "not said by the encoding"
    whole = f"{transfer.width} bits"
    return whole if transfer.elements == 1 else f"{whole} ({transfer.elements} × {transfer.element_width})"
