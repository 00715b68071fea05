"""What people are told, in words: a title, a short plain form, and the whole report in Markdown."""

from collections.abc import Sequence

from mmio_bisect.domain.answer import Answer, Change, Contradiction, Culprit, NoChange, NothingTestable, Suspects
from mmio_bisect.report.documents.issue import issue_text
from mmio_bisect.report.documents.run_documents import Replay
from mmio_bisect.report.terminal.descents import descent_text
from mmio_bisect.workflow.bisect.follow import BrokenOff, DescentLevel, Followed
from mmio_bisect.workflow.ports.history import RunRecord
from mmio_bisect.workflow.watch.news import News, PendingDescent
from mmio_bisect.workflow.watch.notices import Notice, NoticeKind, notice_key
from mmio_bisect.workflow.watch.values import ChangeGroup, Descent

_WIDTH = 100


def change_notice(story: ChangeGroup, record: RunRecord | None, told: Replay | None, descent: Descent | None) -> Notice:
    """`record` and `told` are the bisection's, where there is one."""
    fixed = story.change is Change.FIXED
    case, last, first = story.news[0].line.case, story.points[0], story.points[-1]
    claims = tuple(dict.fromkeys(_claim(cell.answer) for cell in told.answers)) if told else ()
    where = claims[0] if len(claims) == 1 else f"between {last} and {first}"
    title = f"{case} {'fixed' if fixed else 'regressed'}: {where}"
    if descent is not None and descent.claim is not None:
        title += f", by {descent.claim}"
    lines = [_line(one) for one in story.news]
    closes = sorted({one.since for one in story.news if one.since})
    if fixed:
        ending = (
            f"This closes the regression of {', '.join(closes)}."
            if closes
            else ("This closes what was so when the watch began.")
        )
        lines.append(ending)
    if len(claims) > 1:
        lines += (
            [f"{cell.request.target.name} -O{cell.request.opt}: {_claim(cell.answer)}" for cell in told.answers]
            if told
            else []
        )
    if descent is not None:
        lines += _descent_lines(descent)
    if story.why_not:
        lines.append(f"It was not bisected: {story.why_not.rstrip('.')}.")
    plain = "\n".join([title, *lines])
    markdown = "\n".join([f"**{title}**", "", *(f"* {line}" for line in lines), ""])
    if descent is not None and descent.markdown:
        markdown += f"\n{descent.markdown}\n"
    if record is not None and told is not None:
        markdown += "\n" + issue_text(record, told)
    marks = sorted(f"{one.line} {one.mark}" for one in story.news)
    return Notice(
        key=notice_key("change", story.series, story.profile.name, story.change, last.version, first.version, *marks),
        kind=NoticeKind.FIXED if fixed else NoticeKind.REGRESSION,
        series=story.series,
        title=title,
        plain=plain,
        markdown=markdown,
        run=story.run,
    )


def _descent_lines(descent: Descent) -> list[str]:
    if descent.unfinished is None:
        return list(descent.lines)
    return [*descent.lines, f"The descent goes on in the next tick: {descent.unfinished}."]


def descent_of(levels: Sequence[DescentLevel]) -> Descent | None:
    """What a descent found, for a notice; None where nothing was entered."""
    if not levels:
        return None
    lines, claim = [], None
    for level in levels:
        if not isinstance(level.end, Followed):
            lines.append(f"Into {level.series} it was not followed: {level.end.why}.")
            continue
        claims = list(dict.fromkeys(_claim(cell.answer) for cell in level.end.result.answers))
        if level.end.other is not None:
            lines.append(f"{level.series} does not show this transition: {level.end.other}.")
            continue
        lines.append(f"Followed into {level.series}: {'; '.join(claims)}.")
        claim = claims[0] if len(claims) == 1 else claim
    return Descent(
        claim=claim,
        lines=tuple(lines),
        markdown=f"## Descent\n\n```\n{descent_text(levels, width=_WIDTH).plain.strip()}\n```",
        unfinished=next((end.why for level in levels if isinstance(end := level.end, BrokenOff) and end.passing), None),
    )


def traced_notice(series: str, pending: PendingDescent, descent: Descent) -> Notice:
    """A descent's end, after the change itself was told."""
    outcome = f"traced to {descent.claim}" if descent.claim else "traced no further"
    title = f"{pending.title}: {outcome}"
    lines = list(descent.lines)
    markdown = "\n".join([f"**{title}**", "", *(f"* {line}" for line in lines), "", descent.markdown, ""])
    return Notice(
        key=notice_key("traced", series, str(pending.run), pending.since),
        kind=NoticeKind.TRACED,
        series=series,
        title=title,
        plain="\n".join([title, *lines]),
        markdown=markdown,
        run=pending.run,
    )


def trouble_notice(series: str, message: str, since: str, ticks: int) -> Notice:
    title = f"{series} cannot be watched"
    plain = f"{title} since {since[:16]} ({ticks} times in a row): {message}"
    return Notice(
        key=notice_key("trouble", series, since),
        kind=NoticeKind.TROUBLE,
        series=series,
        title=title,
        plain=plain,
        markdown=plain,
    )


def recovered_notice(series: str, message: str, since: str, ticks: int) -> Notice:
    title = f"{series} is watched again"
    plain = f"{title}. From {since[:16]} on it was not, {ticks} times in a row: {message}"
    return Notice(
        key=notice_key("recovered", series, since),
        kind=NoticeKind.RECOVERED,
        series=series,
        title=title,
        plain=plain,
        markdown=plain,
    )


def news_line(one: News) -> str:
    """What would be told of it, before anything is bisected."""
    return f"{one.line.case} {one.change} between {one.last} and {one.first}: {_line(one)}"


def _line(one: News) -> str:
    access = f" of {one.mark.access}" if one.mark.access else ""
    what = "no longer " if one.change is Change.FIXED else ""
    return f"{one.line.target} -O{one.line.opt}: {what}{one.mark.kind}{access} in {one.mark.function}"


def _claim(answer: Answer) -> str:
    match answer:
        case Culprit(last=last, first=first):
            return f"{first} (before it: {last.version})"
        case Suspects(suspects=suspects):
            return f"one of {', '.join(map(str, suspects))}"
        case NoChange(verdict=verdict):
            return f"bisected by kind of defect there is no change ({verdict} at both ends)"
        case Contradiction(witnesses=witnesses):
            return "contradicted by " + ", ".join(f"{point} {verdict}" for point, verdict in witnesses)
        case NothingTestable():
            return "nothing was testable"
