"""Run by alembic, to set up the revisions; connection and transaction belong to the caller of `migrate.upgrade`."""

from alembic import context

from mmio_bisect.adapters.history.schema import REVISION_TABLE, metadata
from mmio_bisect.adapters.history.timeline import derived  # noqa: F401 - its tables are in the metadata then

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=REVISION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
