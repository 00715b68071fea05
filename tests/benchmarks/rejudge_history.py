"""How long judging a whole history again takes: 100,000 outcomes, of which many have equal objects.

Run it with `python tests/benchmarks/rejudge_history.py [OUTCOMES [OBJECTS [PROCESSES]]]`, PYTHONPATH=tests/fakes. The
history is made up: real objects, each with a tail of its own so that its digest is its own, in as many cells as asked
for, judged by older rules. Prints the time of `history rejudge` as a process, and of reading and judging the objects
alone, one by one.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from history_values import a_case, a_cell, a_judgement, a_point, a_toolchain, an_object
from sqlalchemy import Connection, insert

from mmio_bisect.adapters.history import cases, judgements, schema, toolchains
from mmio_bisect.classify.verdict.profiles import DEFAULT_PROFILE
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.composition.wiring import RealWiring, Settings
from mmio_bisect.domain.access import RULES
from mmio_bisect.domain.outcome import Verdict
from mmio_bisect.domain.recipe import digest_of
from mmio_bisect.workflow.probing.objects import judge_object

FIXTURES = Path(__file__).parents[1] / "fixtures" / "objects"
BASES = [(FIXTURES / name).read_bytes() for name in ("shapes.o", "flows.o")]
BATCH = 5000


def objects(count: int) -> list[bytes]:
    return [BASES[index % len(BASES)] + index.to_bytes(8, "little") for index in range(count)]


def fill(connection: Connection, outcomes: int, data: list[bytes]) -> None:
    case = a_case()
    cases.keep(connection, [case])
    toolchains.keep(connection, [a_toolchain()])
    toolchains.remember(connection, a_point(), a_toolchain())
    digests = [digest_of(each) for each in data]
    connection.execute(
        insert(schema.objects),
        [
            {"digest": digest, "size": len(each), "data": zlib.compress(each)}
            for digest, each in zip(digests, data, strict=True)
        ],
    )
    earlier = a_judgement(Verdict.GOOD, rules=RULES - 1)
    judgements.keep(connection, [(digest, case.expectation_digest, earlier) for digest in digests])
    for start in range(0, outcomes, BATCH):
        indices = range(start, min(start + BATCH, outcomes))
        rows = [_row(index, digests[index % len(digests)]) for index in indices]
        connection.execute(insert(schema.outcomes), rows)


def _row(index: int, object_digest: str) -> dict[str, object]:
    case, cell, outcome = a_case(), a_cell(), an_object()
    return {
        "cell_key": digest_of(str(index).encode()),
        "source_digest": case.source_digest,
        "case_digest": case.digest,
        "toolchain_digest": cell.toolchain.digest,
        "target": "aarch64",
        "triple": cell.triple,
        "opt": "2",
        "flags": [],
        "kind": outcome.kind.value,
        "object_digest": object_digest,
        "argv": [],
        "sandbox": "local",
        "status": 0,
        "output": "",
        "seconds": 0.1,
        "recorded": "2026-11-24T12:00:00.000000+00:00",
    }


def main() -> None:
    outcomes, distinct, processes = _asked()
    data = objects(distinct)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'history.db'}"
        database = open_history_database(url)
        with database.writing() as connection:
            fill(connection, outcomes, data)
        database.close()
        words = ("history", "rejudge", "--database", url, "--json", "--quiet", "--jobs", str(processes))
        begun = time.perf_counter()
        finished = subprocess.run(
            [sys.executable, "-m", "mmio_bisect", *words], check=True, env=os.environ, capture_output=True, text=True
        )
        whole = time.perf_counter() - begun
        answered = json.loads(finished.stdout)
    reader, case = RealWiring(Settings()).objects(), a_case()
    begun = time.perf_counter()
    for each in data:
        judge_object(case, each, DEFAULT_PROFILE, reader)
    alone = time.perf_counter() - begun
    print(
        f"{outcomes} outcomes of {answered['judged']} objects judged again in {whole:.1f} s by {processes} processes, "
        f"{len(answered['flips'])} flipped; judging the objects alone, one by one: {alone:.1f} s"
    )


def _asked() -> tuple[int, int, int]:
    given = [int(word) for word in sys.argv[1:]]
    outcomes, distinct, processes = (*given, *(100_000, 5_000, 2)[len(given) :])
    return outcomes, distinct, processes


if __name__ == "__main__":
    main()
