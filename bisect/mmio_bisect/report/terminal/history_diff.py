"""The same recipe on two compilers: code aligned, and the accesses of each function compared."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from mmio_bisect.domain.outcome import FunctionJudgement, Judgement, Verdict
from mmio_bisect.report.documents.documents import access_member, compiler_members, compiler_name, defect_member
from mmio_bisect.report.documents.json_text import JSON
from mmio_bisect.report.terminal.assembly import Column, absent, side_by_side
from mmio_bisect.workflow.ports.history import OutcomeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One compiler's cell, and how it is called here."""

    point: str
    record: OutcomeRecord
    judgement: Judgement | None

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict if self.judgement else Verdict.UNTESTABLE

    @property
    def reason(self) -> str | None:
        """Why it is untestable."""
        return self.record.outcome.reason or (self.judgement.reason if self.judgement else None)

    @property
    def title(self) -> str:
        return f"{self.verdict}: {self.point} ({compiler_name(self.record.toolchain)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same target and level on both sides."""

    target: str
    opt: str
    left: Side
    right: Side

    @property
    def same_code(self) -> bool:
        left, right = self.left.judgement, self.right.judgement
        return left is not None and right is not None and left.fingerprint == right.fingerprint

    @property
    def same_marks(self) -> bool:
        left, right = (side.judgement and side.judgement.marks for side in (self.left, self.right))
        return left == right


def diff_text(pairs: Sequence[Pair], *, width: int) -> Text:
    text = Text()
    for pair in pairs:
        text.append(f"{pair.target} -O{pair.opt}: {_claim(pair)}\n", style="bold")
        if not pair.same_code:
            for left, right in _functions(pair):
                text.append(f"\n{left.function}\n", style="bold")
                columns = (Column(title=pair.left.title, function=left), Column(title=pair.right.title, function=right))
                text.append_text(side_by_side(*columns, width=width))
                text.append(_accesses(pair, left, right))
        text.append("\n")
    return text


def pair_member(pair: Pair) -> JSON:
    return {
        "target": pair.target,
        "opt": pair.opt,
        "same_code": pair.same_code,
        "same_defects": pair.same_marks,
        "left": _side_member(pair.left),
        "right": _side_member(pair.right),
    }


def _side_member(side: Side) -> JSON:
    functions = side.judgement.functions if side.judgement else ()
    return {
        "point": side.point,
        **compiler_members(side.record.toolchain),
        "case": f"{side.record.recipe}.{side.record.language}",
        "cell": side.record.cell_key,
        "verdict": side.verdict.value,
        "reason": side.reason,
        "functions": [
            {
                "function": function.function,
                "accesses": [access_member(access) for access in function.accesses],
                "defects": [defect_member(defect) for defect in function.defects],
                "unseen": [defect_member(one) for one in function.unseen],
            }
            for function in functions
        ],
    }


def _claim(pair: Pair) -> str:
    sides = (pair.left, pair.right)
    if any(side.verdict is Verdict.UNTESTABLE for side in sides):
        reasons = [f"{side.point}: {side.reason}" for side in sides if side.verdict is Verdict.UNTESTABLE]
        return "untestable, " + "; ".join(reasons)
    if pair.same_code:
        return f"both do the same, {pair.left.verdict}, with equal code"
    if pair.same_marks:
        return f"both do the same, {pair.left.verdict}, with other code"
    return "they differ"


def _functions(pair: Pair) -> list[tuple[FunctionJudgement, FunctionJudgement]]:
    """By name; one that the other side lacks stands beside nothing."""
    left = {found.function: found for found in (pair.left.judgement.functions if pair.left.judgement else ())}
    right = {found.function: found for found in (pair.right.judgement.functions if pair.right.judgement else ())}
    return [(left.get(name, absent(name)), right.get(name, absent(name))) for name in left | right]


def _accesses(pair: Pair, left: FunctionJudgement, right: FunctionJudgement) -> str:
    lines = []
    for side, function in ((pair.left, left), (pair.right, right)):
        told = ", ".join(
            f"{' '.join(access.instruction.split())} ({'/'.join(access.fulfils) or 'of no item'})"
            for access in function.accesses
        )
        lines.append(f"  {side.point} accesses: {told or 'none'}\n")
    return "".join(lines)
