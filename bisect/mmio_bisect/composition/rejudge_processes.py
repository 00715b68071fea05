"""Judging many stored objects, in this process or in several: disassembling is work for the processor alone."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context

from mmio_bisect.adapters.recipes.recipe_directives import parse_case
from mmio_bisect.adapters.tied_process import end_with
from mmio_bisect.adapters.word.reader import read_word
from mmio_bisect.classify.verdict.profiles import PROFILES
from mmio_bisect.composition.wiring import RealWiring, Settings
from mmio_bisect.domain.recipe import Case, Language
from mmio_bisect.workflow.history.rejudge import Judged, Material, Unreadable, judge_material
from mmio_bisect.workflow.probing.objects import judge_object

# Objects a task: enough to be worth sending, few enough to share out evenly.
_CHUNK = 32


def judge_here(materials: Iterable[Material], profile: str) -> Iterator[Judged | Unreadable]:
    objects = RealWiring(Settings()).objects()
    for material in materials:
        yield judge_material(
            material,
            _case,
            lambda case, object_code, printed: judge_object(
                case, object_code, PROFILES[profile], objects, read_word(printed) if printed else None
            ),
        )


def judge_in_processes(materials: Iterable[Material], profile: str, processes: int) -> Iterator[Judged | Unreadable]:
    """In any number of processes; no more than a few chunks are in memory for each."""
    every = iter(materials)
    # Not forked: this process may have threads, and a database open.
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        waiting: deque[Future[list[Judged | Unreadable]]] = deque()
        while True:
            while len(waiting) < 3 * processes and (chunk := list(islice(every, _CHUNK))):
                waiting.append(pool.submit(_judge_chunk, chunk, profile))
            if not waiting:
                return
            yield from waiting.popleft().result()


def _judge_chunk(chunk: list[Material], profile: str) -> list[Judged | Unreadable]:
    return list(judge_here(chunk, profile))


def _case(material: Material) -> Case:
    return parse_case(
        material.case_text,
        path=f"{material.recipe}.{material.language}",
        recipe=material.recipe,
        language=Language(material.language),
        shipped=False,
    )
