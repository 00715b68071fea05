"""The history's schema, one step a revision, as alembic wants it; `migrate` runs them when a database is opened."""
