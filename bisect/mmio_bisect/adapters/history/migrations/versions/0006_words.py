"""What compilers say of their own instructions, and which functions were judged by it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "words",
        sa.Column("cell_key", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("cell_key", name="pk_words"),
        sa.ForeignKeyConstraint(["cell_key"], ["outcomes.cell_key"], name="fk_words_cell_key"),
    )
    op.add_column("judged_functions", sa.Column("witness", sa.String()))
