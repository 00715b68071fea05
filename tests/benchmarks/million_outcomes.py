"""A history of a million outcomes that nobody measured: five series of compilers, forty recipes, five levels.

Used by `history_queries.py`; by itself: `python tests/benchmarks/million_outcomes.py FILE [COUNT]`. Rows are written in
bulk, as no compiler could, and what follows from them is then made by the tool's own `rebuild`. The same numbers come
out every time.
"""

import json
import random
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert

from mmio_bisect.adapters.history import schema
from mmio_bisect.adapters.history.timeline.rebuild import rebuild
from mmio_bisect.composition.history_database import open_history_database
from mmio_bisect.domain.recipe import digest_of

SERIES = {"zig": 0.002, "clang": 0.003, "rustc": 0.02, "rust-nightly": 0.6, "rust-ci": 0.375}
"""And the share of all points that each has."""
RECIPES = [f"recipe_{number:02}" for number in range(40)]
LEVELS = "123sz"
CELLS_A_POINT = len(RECIPES) * len(LEVELS)
KINDS = ("writeback-post", "writeback-pre", "pair", "simd-fp", "torn", "doubled")
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 20_000


def fill(file: Path, count: int = 1_000_000) -> None:
    """Write the database; `count` is rounded to whole points."""
    database = open_history_database(f"sqlite:///{file}")
    chance = random.Random(131894)  # noqa: S311 - the same each time
    with database.writing() as connection:
        _insert(connection, schema.cases, _cases())
        behaviours = {recipe: _behaviours(recipe, chance) for recipe in RECIPES}
        _objects_and_judgements(connection, behaviours)
        points = [(series, number) for series, share in SERIES.items() for number in range(_points(share, count))]
        _insert(connection, schema.toolchains, (_toolchain(series, number, count) for series, number in points))
        _insert(connection, schema.points, (_point(series, number) for series, number in points))
        _insert(connection, schema.outcomes, _outcomes(points, behaviours, count, chance))
        rebuild(connection)
    with database.bare() as bare:
        bare.execute("ANALYZE")
    database.close()


def _points(share: float, count: int) -> int:
    return max(2, round(share * count / CELLS_A_POINT))


def _insert(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            connection.execute(insert(table), batch)
            batch = []
    if batch:
        connection.execute(insert(table), batch)


def _cases() -> Iterator[dict[str, Any]]:
    for recipe in RECIPES:
        yield {
            "digest": digest_of(recipe.encode()),
            "source_digest": digest_of(f"source {recipe}".encode()),
            "expectation_digest": digest_of(f"expectation {recipe}".encode()),
            "recipe": recipe,
            "language": "c",
            "text": f"// {recipe}\n".encode(),
        }


def _behaviours(recipe: str, chance: random.Random) -> list[list[tuple[str, str, str]]]:
    """What a recipe does from one change of compilers to the next: the marks of its code, thirty times over."""
    marks = [(f"{recipe}_{place % 3}", f"store32+{4 * place}", KINDS[place % len(KINDS)]) for place in range(6)]
    return [sorted(chance.sample(marks, chance.choice((0, 0, 1, 2, 3)))) for _ in range(30)]


def _objects_and_judgements(connection: Connection, behaviours: dict[str, list[list[tuple[str, str, str]]]]) -> None:
    objects: list[dict[str, Any]] = []
    judgements: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] = []
    defects: list[dict[str, Any]] = []
    for recipe, steps in behaviours.items():
        for level in LEVELS:
            for step, marks in enumerate(steps):
                number = len(judgements) + 1
                digest = digest_of(f"{recipe} {level} {step}".encode())
                objects.append({"digest": digest, "size": 800, "data": zlib.compress(digest.encode() * 10)})
                judgements.append(
                    {
                        "id": number,
                        "object_digest": digest,
                        "expectation_digest": digest_of(f"expectation {recipe}".encode()),
                        "profile": "arm-isv",
                        "rules": 1,
                        "verdict": "bad" if marks else "good",
                        "fingerprint": digest_of(f"{recipe} {level} {step // 2}".encode()),
                        "reason": None,
                        "recorded": _BEGUN.isoformat(timespec="microseconds"),
                    }
                )
                functions.append(
                    {
                        "judgement_id": number,
                        "function_ordinal": 0,
                        "function": f"{recipe}_0",
                        "listing": [[f"{recipe}_0", 4 * place, "094400b8", "str w9, [x0], #4"] for place in range(8)],
                    }
                )
                defects += [
                    {
                        "judgement_id": number,
                        "function_ordinal": 0,
                        "ordinal": ordinal,
                        "function": function,
                        "access": access,
                        "kind": kind,
                        "code": function,
                        "position": 4 * ordinal,
                        "instruction": "str w9, [x0], #4",
                        "why": "register writeback: ISV = 0",
                    }
                    for ordinal, (function, access, kind) in enumerate(marks)
                ]
    for table, rows in (
        (schema.objects, objects),
        (schema.judgements, judgements),
        (schema.judged_functions, functions),
        (schema.defects, defects),
    ):
        _insert(connection, table, iter(rows))


def _toolchain(series: str, number: int, count: int) -> dict[str, Any]:
    age = number / _points(SERIES[series], count)
    llvm = f"{9 + int(age * 15)}.{int(age * 150) % 10}.{number % 3}"
    return {
        "digest": digest_of(f"{series} {number}".encode()),
        "family": "clang" if series in {"zig", "clang"} else "rustc",
        "tool": ["bin/cc"],
        "arguments": [],
        "version_text": f"compiler {number}",
        "compiler_version": f"1.{number}",
        "llvm_version": llvm,
        "commit": None,
        "released": None,
    }


def _point(series: str, number: int) -> dict[str, Any]:
    return {
        "series": series,
        "version": f"1.{number}",
        "toolchain_digest": digest_of(f"{series} {number}".encode()),
        "sort_key": f"{number:06}",
        "remembered": _BEGUN.isoformat(timespec="microseconds"),
    }


def _outcomes(
    points: list[tuple[str, int]],
    behaviours: dict[str, list[list[tuple[str, str, str]]]],
    count: int,
    chance: random.Random,
) -> Iterator[dict[str, Any]]:
    """Every cell of every point, in an order as months of nights would have it."""
    chance.shuffle(points)
    moment = _BEGUN
    for series, number in points:
        toolchain = digest_of(f"{series} {number}".encode())
        step = int(number / _points(SERIES[series], count) * 30)
        for recipe in behaviours:
            source, case = digest_of(f"source {recipe}".encode()), digest_of(recipe.encode())
            for level in LEVELS:
                moment += timedelta(milliseconds=17)
                rejected = chance.random() < 0.01
                object_digest = None if rejected else digest_of(f"{recipe} {level} {step}".encode())
                yield {
                    "cell_key": digest_of(json.dumps([source, toolchain, level]).encode()),
                    "source_digest": source,
                    "case_digest": case,
                    "toolchain_digest": toolchain,
                    "target": "aarch64",
                    "triple": "aarch64-unknown-linux-gnu",
                    "opt": level,
                    "flags": [f"-O{level}"],
                    "extra": "",
                    "kind": "rejected" if rejected else "object",
                    "object_digest": object_digest,
                    "argv": ["cc", f"-O{level}", f"{recipe}.c"],
                    "sandbox": "local",
                    "status": int(rejected),
                    "output": "error: no\n" if rejected else "",
                    "seconds": 0.05,
                    "recorded": moment.isoformat(timespec="microseconds"),
                }


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
