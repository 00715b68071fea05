"""Modules import one another in one direction, whether at the top, inside a function or for types alone."""

from graphlib import CycleError, TopologicalSorter

import grimp


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph = grimp.build_graph("mmio_bisect", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert sum(map(len, imports.values())) > len(imports) > 100
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        raise AssertionError(" is imported by ".join(error.args[1])) from None
