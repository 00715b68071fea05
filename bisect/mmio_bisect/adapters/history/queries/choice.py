"""From filters to conditions: on the lines (`l`), of which there are thousands, and on the vectors (`v`) of verdicts.

Whoever asks about a million standings first chooses lines and vectors, and comes to the standings by an index.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mmio_bisect.domain.recipe import Language
from mmio_bisect.workflow.history.history_queries import Filters

Parameters = dict[str, Any]


@dataclass(slots=True)
class Conditions:
    """Conditions that all must hold, and the values in them. `narrowed`: only some of the lines are asked for."""

    parameters: Parameters = field(default_factory=dict)
    narrowed: bool = False
    _parts: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __str__(self) -> str:
        return " AND ".join(self._parts) or "1 = 1"

    def add(self, condition: str, **parameters: object) -> None:
        self._parts.append(condition)
        self.parameters |= parameters

    def one_of(self, column: str, values: Iterable[object]) -> None:
        """Nothing, where there are no values."""
        name = column.replace(".", "_")
        numbered = {f"{name}_{place}": value for place, value in enumerate(values)}
        if numbered:
            self.add(f"{column} IN ({', '.join(f':{key}' for key in numbered)})", **numbered)

    def one_of_numbers(self, column: str, numbers: Iterable[int]) -> None:
        """Written out, since a database takes only so many parameters; of none, nothing fits."""
        told = ", ".join(str(int(number)) for number in numbers)
        self.add(f"{column} IN ({told})" if told else "1 = 0")


def of_lines(filters: Filters) -> Conditions:
    """On `l`: always on current texts, of one profile."""
    chosen = Conditions()
    chosen.add("l.current AND l.profile = :profile", profile=filters.profile)
    _of_recipes(chosen, filters.recipes)
    chosen.one_of("l.series", filters.series)
    chosen.one_of("l.target", filters.targets)
    chosen.one_of("l.opt", filters.opts)
    chosen.narrowed = any((filters.recipes, filters.series, filters.targets, filters.opts))
    return chosen


def of_vectors(filters: Filters) -> Conditions:
    """On `v`."""
    chosen = Conditions()
    chosen.one_of("v.verdict", filters.verdicts)
    marks = Conditions()
    marks.one_of("m.kind", filters.defects)
    marks.one_of("m.function", filters.functions)
    if marks:
        chosen.add(f"v.id IN (SELECT m.vector_id FROM marks m WHERE {marks})", **marks.parameters)
    return chosen


def _of_recipes(chosen: Conditions, recipes: Iterable[str]) -> None:
    endings = {language.value for language in Language}
    either = []
    for place, name in enumerate(recipes):
        stem, _, ending = name.rpartition(".")
        if stem and ending in endings:
            either.append(f"(l.recipe = :recipe_{place} AND l.language = :language_{place})")
            chosen.parameters |= {f"recipe_{place}": stem, f"language_{place}": ending}
        else:
            either.append(f"l.recipe = :recipe_{place}")
            chosen.parameters[f"recipe_{place}"] = name
    if either:
        chosen.add(f"({' OR '.join(either)})")
