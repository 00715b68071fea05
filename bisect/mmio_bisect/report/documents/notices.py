"""What people are told, in words: a title, a short plain form, and the whole report in Markdown."""

from collections.abc import Sequence
from typing import assert_never

from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.domain.run import CellAnswer, FinishedRun
from mmio_bisect.report.documents.issue import issue_text
from mmio_bisect.report.documents.markdown import Markdown, fenced, inline
from mmio_bisect.report.foreign_text import for_terminal
from mmio_bisect.report.terminal.descents import descent_text
from mmio_bisect.workflow.bisect.descend import Stopped
from mmio_bisect.workflow.bisect.follow import BrokenOff, DescentLevel, Followed
from mmio_bisect.workflow.ports.history import RunRecord
from mmio_bisect.workflow.watch.news import Deferred, News, PendingDescent, RulesChanged, Trouble
from mmio_bisect.workflow.watch.notices import Notice, NoticeKind, notice_key
from mmio_bisect.workflow.watch.values import Bisected, Finding, NotBisected, Recovered, why_unfinished

_WIDTH = 100


def change_notice(
    finding: Finding, levels: Sequence[DescentLevel], record: RunRecord | None, finished: FinishedRun | None
) -> Notice:
    """`record` and `finished` are the bisection's, where there is one."""
    group = finding.group
    fixed = group.change is Change.FIXED
    case, last, first = group.news[0].line.case, group.points[0], group.points[-1]
    answers = finished.answers if finished else ()
    claims = tuple(dict.fromkeys(_claim(cell.answer) for cell in answers))
    where = claims[0] if len(claims) == 1 else f"between {last} and {first}"
    title = f"{case} {'fixed' if fixed else 'regressed'}: {where}"
    if (claim := _deepest_claim(levels)) is not None:
        title += f", by {claim}"
    lines = [_line(one) for one in group.news]
    if fixed:
        closes = sorted({one.since for one in group.news if one.since})
        closed = f"the regression of {', '.join(closes)}" if closes else "what was so when the watch began"
        lines.append(f"This closes {closed}.")
    if len(claims) > 1:
        lines += [f"{cell.request.target.name} -O{cell.request.opt}: {_claim(cell.answer)}" for cell in answers]
    lines += [f"Not verified: {why}." for why in dict.fromkeys(filter(None, map(_unverified, answers)))]
    lines += _descent_lines(levels)
    if (why := why_unfinished(levels)) is not None:
        lines.append(f"The descent goes on in the next tick: {why}.")
    run = None
    match finding.bisection:
        case Bisected(run=number):
            run = number
        case NotBisected(why=reason):
            lines.append(f"It was not bisected: {reason.rstrip('.')}.")
    reports = [_descent_report(levels)] if levels else []
    if record is not None and finished is not None:
        reports.append(issue_text(record, finished))
    marks = sorted(f"{one.line} {one.mark}" for one in group.news)
    key = notice_key("change", group.series, group.profile.name, group.change, last.version, first.version, *marks)
    kind = NoticeKind.FIXED if fixed else NoticeKind.REGRESSION
    return _notice(key, kind, group.series, title, lines, reports, run)


def traced_notice(series: str, pending: PendingDescent, levels: Sequence[DescentLevel]) -> Notice:
    """A descent's end, after the change itself was told."""
    claim = _deepest_claim(levels)
    title = f"{pending.title}: {f'traced to {claim}' if claim else 'traced no further'}"
    key = notice_key("traced", series, str(pending.run), pending.since)
    reports = [_descent_report(levels)]
    return _notice(key, NoticeKind.TRACED, series, title, _descent_lines(levels), reports, pending.run)


def _notice(
    key: str,
    kind: NoticeKind,
    series: str,
    title: str,
    lines: Sequence[str],
    reports: Sequence[Markdown],
    run: int | None,
) -> Notice:
    return Notice(
        key=key,
        kind=kind,
        series=series,
        title=for_terminal(title),
        plain=for_terminal("\n".join([title, *lines])),
        markdown=Markdown("\n").join(
            [Markdown("**{}**\n").format(title), *(Markdown("* {}").format(line) for line in lines), "", *reports]
        ),
        run=run,
    )


def _descent_lines(levels: Sequence[DescentLevel]) -> list[str]:
    lines = []
    for level in levels:
        match level.end:
            case Followed(other=None) as followed:
                lines.append(f"Followed into {level.series}: {'; '.join(_claims(followed))}.")
            case Followed(other=other):
                lines.append(f"{level.series} does not show this transition: {other}.")
            case Stopped(why=why) | BrokenOff(why=why):
                lines.append(f"Into {level.series} it was not followed: {why}.")
            case _:
                assert_never(level.end)
    return lines


def _deepest_claim(levels: Sequence[DescentLevel]) -> str | None:
    """Of the last level of which all answers claim the same."""
    ends = (level.end for level in reversed(levels))
    followed = (_claims(end) for end in ends if isinstance(end, Followed) and end.other is None)
    return next((claims[0] for claims in followed if len(claims) == 1), None)


def _claims(followed: Followed) -> list[str]:
    return list(dict.fromkeys(_claim(cell.answer) for cell in followed.result.answers))


def _descent_report(levels: Sequence[DescentLevel]) -> Markdown:
    return Markdown("## Descent\n\n{}\n").format(fenced(descent_text(levels, width=_WIDTH).plain.strip(), ""))


def event_notice(series: str, event: Trouble | Deferred | Recovered | RulesChanged) -> Notice:
    if isinstance(event, RulesChanged):
        kind, since = NoticeKind.RULES, f"{event.before}..{event.after}"
        title = f"{series} is judged by other rules"
        plain = f"{title}: {_rules_line(event)}."
    elif isinstance(event, Recovered):
        kind, trouble = NoticeKind.RECOVERED, event.trouble
        title = f"{series} is watched again"
        plain = f"{title}. From {trouble.since[:16]} on it was not, {trouble.ticks} times in a row: {trouble.message}"
        since = trouble.since
    else:
        kind, since = NoticeKind.TROUBLE, event.since
        title = f"{series} cannot be watched"
        plain = f"{title} since {since[:16]} ({event.ticks} times in a row): {event.message}"
    return Notice(
        key=notice_key(kind, series, since),
        kind=kind,
        series=series,
        title=for_terminal(title),
        plain=for_terminal(plain),
        markdown=inline(plain),
    )


def _rules_line(event: RulesChanged) -> str:
    before = "earlier ones" if event.before is None else str(event.before)
    lost = f", and {event.lost} begin anew, because their last point cannot be judged by these" if event.lost else ""
    return (
        f"by rules {event.after}, not {before}, {event.came} defects came and {event.went} went in {event.lines} lines"
        f"{lost}; no compiler did that"
    )


def news_line(one: News) -> str:
    """What would be told of it, before anything is bisected."""
    return f"{one.line.case} {one.change} between {one.last} and {one.first}: {_line(one)}"


def _line(one: News) -> str:
    access = f" of {one.mark.access}" if one.mark.access else ""
    what = "no longer " if one.change is Change.FIXED else ""
    return f"{one.line.target} -O{one.line.opt}: {what}{one.mark.kind}{access} in {one.mark.function}"


def _unverified(cell: CellAnswer) -> str | None:
    """Why a culprit was neither confirmed nor refuted, if it was looked at again."""
    checked = cell.verification
    return checked.why if isinstance(cell.answer, Culprit) and checked is not None and not checked.confirmed else None


def _claim(answer: Answer) -> str:
    match answer:
        case Culprit(last=last, first=first):
            return f"{first} (before it: {last.version})"
        case Suspects(suspects=suspects):
            return f"one of {', '.join(map(str, suspects))}"
        case NoChange(verdict=verdict):
            return f"bisected by kind of defect nothing changed ({verdict} at both ends)"
        case Contradiction(witnesses=witnesses):
            return "contradicted by " + ", ".join(f"{point} {verdict}" for point, verdict in witnesses)
        case NothingTestable():
            return "nothing was testable"
