"""Which hypervisors carry out an access that others cannot: what a defect of form says beyond the profile judged by."""

from mmio_bisect.classify.isa.aarch64.decode import decode
from mmio_bisect.classify.verdict.profiles import profiles_of
from mmio_bisect.domain.access import Defect
from mmio_bisect.domain.outcome import FunctionJudgement

Emulators = dict[Defect, dict[str, bool]]
"""For each defect of form, every profile of its architecture and whether it emulates the access."""


def emulators_of(function: FunctionJudgement) -> Emulators:
    """Of A64 code, whose encoding says again what history does not keep of an access."""
    by_place = {(access.code, access.position): access for access in function.accesses}
    found: Emulators = {}
    for defect in function.defects:
        access = by_place.get((defect.code or "", -1 if defect.position is None else defect.position))
        if access is None or len(access.encoding) != 4 or defect.kind not in access.transfer.defects:
            continue  # no hypervisor makes right what is not as the source asked
        transfer = decode(int.from_bytes(access.encoding, "little"))
        if transfer == access.transfer and transfer is not None:
            found[defect] = {profile.name: profile.emulates(transfer) for profile in profiles_of("aarch64")}
    return found


def emulators_text(emulated: dict[str, bool]) -> str:
    able = [name for name, can in emulated.items() if can]
    unable = [name for name, can in emulated.items() if not can]
    return f"emulated by {', '.join(able) or 'none'}, not by {', '.join(unable) or 'none'}"
