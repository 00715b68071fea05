"""A run's answers are read from its document, which says the same as the table did: the table becomes a view."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.drop_table("answers")
    op.execute(_SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL)


# Versions are of the run's series, so the names of points lose it. `witnesses` are those of a contradiction, and both
# ends where nothing changed.
_SQLITE = """
    CREATE VIEW answers AS
    SELECT runs.id AS run_id, told.key AS ordinal,
        json_extract(told.value, '$.target') AS target,
        json_extract(told.value, '$.opt') AS opt,
        json_extract(told.value, '$.kind') AS kind,
        json_extract(told.value, '$.change') AS change,
        substr(json_extract(told.value, '$.last'), instr(json_extract(told.value, '$.last'), '@') + 1) AS last,
        substr(json_extract(told.value, '$.first'), instr(json_extract(told.value, '$.first'), '@') + 1) AS first,
        (SELECT json_group_array(substr(value, instr(value, '@') + 1))
            FROM json_each(told.value, '$.suspects')) AS suspects,
        json_extract(told.value, '$.verdict') AS verdict,
        json_extract(told.value, '$.unprobed') AS unprobed,
        (SELECT json_group_array(json_array(substr(point, instr(point, '@') + 1), verdict)) FROM (
            SELECT json_extract(value, '$.toolchain') AS point, json_extract(value, '$.verdict') AS verdict
                FROM json_each(told.value, '$.witnesses')
            UNION ALL
            SELECT value, json_extract(told.value, '$.verdict') FROM json_each(told.value)
                WHERE key IN ('oldest', 'newest')
        )) AS witnesses
    FROM runs JOIN json_each(runs.document, '$.answers') AS told
"""
_POSTGRESQL = """
    CREATE VIEW answers AS
    SELECT runs.id AS run_id, CAST(told.place - 1 AS integer) AS ordinal,
        told.value ->> 'target' AS target,
        told.value ->> 'opt' AS opt,
        told.value ->> 'kind' AS kind,
        told.value ->> 'change' AS change,
        substr(told.value ->> 'last', strpos(told.value ->> 'last', '@') + 1) AS last,
        substr(told.value ->> 'first', strpos(told.value ->> 'first', '@') + 1) AS first,
        (SELECT coalesce(json_agg(substr(value, strpos(value, '@') + 1)), '[]')
            FROM json_array_elements_text(told.value -> 'suspects')) AS suspects,
        told.value ->> 'verdict' AS verdict,
        CAST(told.value ->> 'unprobed' AS integer) AS unprobed,
        (SELECT coalesce(json_agg(json_build_array(substr(point, strpos(point, '@') + 1), verdict)), '[]') FROM (
            SELECT value ->> 'toolchain' AS point, value ->> 'verdict' AS verdict
                FROM json_array_elements(told.value -> 'witnesses')
            UNION ALL
            SELECT told.value ->> name, told.value ->> 'verdict' FROM (VALUES ('oldest'), ('newest')) AS ends (name)
                WHERE told.value ->> name IS NOT NULL
        ) AS seen) AS witnesses
    FROM runs,
        json_array_elements(CAST(runs.document AS json) -> 'answers') WITH ORDINALITY AS told (value, place)
"""
