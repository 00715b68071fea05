"""Brings a database's schema up to date with alembic, which only this module imports."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from mmio_bisect.adapters.history.timeline.rebuild import rebuild


def upgrade(connection: Connection) -> None:
    """Apply all revisions that are missing, and record them, within the caller's transaction: all or none.

    What follows from other tables is then made anew, so that no migration has to know how.
    """
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    rebuild(connection)


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "mmio_bisect.adapters.history:migrations")
    config.set_main_option("path_separator", "os")
    return config
