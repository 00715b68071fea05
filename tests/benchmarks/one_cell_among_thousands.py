"""What one cell costs when thousands are known, beside what it costs when nothing else is, by turns.

A sweep of every C recipe at -O2 over the zig toolchains of a store is answered whole; then one outcome of it is
forgotten, and the same sweep is timed. One database holds that sweep alone, the other thousands of outcomes besides.

    PYTHONPATH=tests/fakes python tests/benchmarks/one_cell_among_thousands.py [OUTCOMES]
"""
