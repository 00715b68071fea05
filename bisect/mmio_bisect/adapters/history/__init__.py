"""The history: a database of objects, outcomes, judgements and runs, with their provenance.

`sql_history.SqlHistory` is the adapter. This package imports nothing by itself, so that naming it costs nothing.
"""
