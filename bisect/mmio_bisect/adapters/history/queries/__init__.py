"""Answers to what is asked of the history, as SQL that both SQLite and PostgreSQL take.

The statements are written by hand: `tests/benchmarks/history_queries.py` holds their times against the best that one
can write for `sqlite3`, and building them anew from expressions each time would already cost more than most take.
"""
