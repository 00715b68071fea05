"""Values as members of the documents that `--json` prints, which are made from the same values as the text.

A document only ever grows within one schema number: readers may rely on every key that they find here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from mmio_bisect.domain.access import Access, Defect
from mmio_bisect.domain.outcome import CellRequest, FunctionJudgement, Judgement, Outcome
from mmio_bisect.domain.recipe import Case, Recipe
from mmio_bisect.domain.records import record_of
from mmio_bisect.domain.run import Probe
from mmio_bisect.domain.toolchain import Listing, Point, Toolchain
from mmio_bisect.report.documents.json_text import JSON
from mmio_bisect.report.explain.emulators import emulators_of
from mmio_bisect.workflow.ports.history import OutcomeRecord, RunRecord
from mmio_bisect.workflow.ports.store import StoredToolchain


def level_members(request: CellRequest) -> JSON:
    return {"target": request.target.name, "opt": request.opt.value}


def untestable_reason(judgement: Judgement, outcome: Outcome) -> str | None:
    return judgement.reason or outcome.reason


def untestable_members(reasons: Mapping[Point, str | None]) -> list[JSON]:
    return [{"toolchain": str(point), "reason": reason} for point, reason in reasons.items()]


def probe_member(probe: Probe) -> JSON:
    return {
        "toolchain": str(probe.point),
        **compiler_members(probe.toolchain),
        **level_members(probe.request),
        "verdict": probe.judgement.verdict.value,
        "reason": untestable_reason(probe.judgement, probe.outcome),
        "witness": probe.judgement.witness.value,
        "defects": [member for function in probe.judgement.functions for member in _defect_members(function)],
        "unseen": [defect_member(one) for function in probe.judgement.functions for one in function.unseen],
        "from_history": probe.from_history,
        "seconds": round(probe.seconds, 3),
        "cell": probe.cell_key,
    }


def _defect_members(function: FunctionJudgement) -> list[JSON]:
    emulators = emulators_of(function)
    return [defect_member(defect, emulators.get(defect)) for defect in function.defects]


def defect_member(defect: Defect, emulated: Mapping[str, bool] | None = None) -> JSON:
    """`offset` is the instruction's, in bytes, in the function `code`; null for what is not there.

    `emulated` has the profiles of the architecture; null where it is not the form that is wrong.
    """
    return {
        **record_of(defect, without={"position"}),
        "offset": defect.position,
        "emulated": None if emulated is None else dict(emulated),
    }


def access_member(access: Access) -> JSON:
    transfer = record_of(access.transfer)
    names = ("form", "directions", "addressing", "syndrome_valid")
    return {
        **record_of(access, without={"function", "position", "transfer"}),
        "offset": access.position,
        "width": access.transfer.width,
        **{name: transfer[name] for name in names},
    }


def judgement_member(judgement: Judgement) -> JSON:
    functions = [_function_member(function) for function in judgement.functions]
    return {**record_of(judgement, without={"functions"}), "functions": functions}


def _function_member(function: FunctionJudgement) -> JSON:
    return {
        "function": function.function,
        "verdict": function.verdict.value,
        "witness": function.witness.value,
        "accesses": [access_member(access) for access in function.accesses],
        "defects": _defect_members(function),
        "unseen": [defect_member(one) for one in function.unseen],
        "listing": [{**record_of(line, without={"position"}), "offset": line.position} for line in function.listing],
    }


def compiler_name(toolchain: Toolchain) -> str:
    """The compiler as people call it: `clang 18.1.6`."""
    return f"{toolchain.family} {toolchain.compiler_version}"


def compiler_text(toolchain: Toolchain) -> str:
    """The name, and the LLVM inside where that is another's: `rustc 1.78.0, LLVM 16.0.6`."""
    name = compiler_name(toolchain)
    apart = toolchain.llvm_version not in {None, toolchain.compiler_version}
    return f"{name}, LLVM {toolchain.llvm_version}" if apart else name


def compiler_members(toolchain: Toolchain) -> JSON:
    return {"compiler": compiler_name(toolchain), "llvm": toolchain.llvm_version}


def toolchain_member(toolchain: Toolchain) -> JSON:
    return {
        **record_of(toolchain, without={"tool", "arguments", "version_text"}),
        "version": toolchain.version_text,
        "released": toolchain.released.isoformat() if toolchain.released else None,
    }


def outcome_member(outcome: Outcome) -> JSON:
    members = record_of(outcome, without={"object_code"})
    return {**members, "object": outcome.object_digest, "seconds": round(outcome.seconds, 3)}


def recipe_member(recipe: Recipe) -> JSON:
    return {"name": recipe.name, "cases": [case_member(case) for case in recipe.cases]}


def case_member(case: Case) -> JSON:
    return {
        "file": case.file_name,
        "language": case.language.value,
        "digest": case.digest,
        "shipped": case.shipped,
        "issue": case.issue,
        "targets": list(case.targets),
        "opts": [level.value for level in case.opt_levels],
        "window": ",".join(map(str, case.windows)) or None,
        "functions": [str(function) for function in case.functions],
    }


def listing_member(listing: Listing) -> JSON:
    return {
        "series": listing.series,
        "asked_at": listing.asked_at.isoformat(),
        "points": [str(point) for point in listing.points],
    }


def stored_member(entry: StoredToolchain) -> JSON:
    return {
        "points": [str(point) for point in entry.points],
        "toolchain": toolchain_member(entry.toolchain),
        "bytes": entry.size,
        "image": entry.image,
        "last_used": datetime.fromtimestamp(entry.last_used, UTC).isoformat(timespec="seconds"),
        "in_use": entry.in_use,
    }


def run_record_member(record: RunRecord) -> JSON:
    return {"run": record.id, **record_of(record, without={"id", "document"})}


def outcome_record_member(record: OutcomeRecord) -> JSON:
    apart = {"cell_key", "case_text", "toolchain", "outcome", "judgements"}
    return {
        "cell": record.cell_key,
        **record_of(record, without=apart),
        "case_text": record.case_text.decode(errors="replace"),
        "toolchain": toolchain_member(record.toolchain),
        "outcome": outcome_member(record.outcome),
        "judgements": [judgement_member(judgement) for judgement in record.judgements],
    }
