"""Everything of a probe as files, for whoever wants to look with other tools (`--keep DIR`)."""

import shlex
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mmio_bisect.domain.outcome import CellRequest, Judgement, Outcome
from mmio_bisect.domain.run import Probe
from mmio_bisect.errors import UsageError, from_os_error
from mmio_bisect.report.documents.documents import judgement_member
from mmio_bisect.report.documents.json_text import text_of


def keep_probe(folder: Path, probe: Probe) -> Path:
    """Keep a probe of a run; returns the folder that holds it. Raises as `keep_cell`."""
    return keep_cell(folder, str(probe.point), probe.request, probe.outcome, probe.judgement)


def keep_cell(folder: Path, name: str, request: CellRequest, outcome: Outcome, judgement: Judgement) -> Path:
    """Write source, object, command line, compiler output and judgement below `folder`; returns where.

    `name` is the compiler's. Raises `DiskFullError`, and `UsageError` for a folder that cannot be written.
    """
    place = folder / name / f"{request.case.file_name}-{request.target.name}-O{request.opt}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        files = {
            request.case.file_name: request.case.source,
            "command.txt": (shlex.join(outcome.argv) + "\n").encode(),
            "output.txt": outcome.output.encode(errors="replace"),
            "judgement.json": text_of(judgement_member(judgement)).encode(),
            f"{request.case.recipe}.o": outcome.object_code,
        }
        for file, data in files.items():
            if data is not None:
                write_aside(place / file, (data,))
    except OSError as error:
        raise from_os_error(error, f"{folder} cannot be written", UsageError, "give --keep another folder") from error
    return place


def write_aside(path: Path, parts: Iterable[bytes], *, mode: int = 0o600) -> None:
    """A half-written file never bears its final name, and has one that is not longer."""
    with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=f".{path.name[:32]}.", delete=False) as aside:
        try:
            aside.writelines(parts)
            aside.flush()
            Path(aside.name).chmod(mode)
            Path(aside.name).replace(path)
        except BaseException:
            Path(aside.name).unlink(missing_ok=True)
            raise
