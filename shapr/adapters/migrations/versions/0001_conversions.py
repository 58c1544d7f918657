"""conversions and their outputs"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "conversions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment),
        sa.Column("finished_at", moment),
        sa.Column("expires_at", moment),
        sa.Column("batch", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False, server_default="3"),
        sa.Column("reuse", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("preview", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("source", JSONB, nullable=False),
        sa.Column("error", JSONB),
        sa.Column("failed_step", sa.Text),
        sa.Column("report", JSONB),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("workflow_id", sa.Text),
        sa.Column("run_id", sa.Text),
        sa.Column("claimed_at", moment),
        sa.Column("past_runs", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    )
    op.create_index("conversions_list", "conversions", ["tenant", "id"])
    op.create_index("conversions_state", "conversions", ["tenant", "state", "id"])
    op.create_index("conversions_source_format", "conversions", ["tenant", sa.text("(source ->> 'format')"), "id"])
    op.create_index("conversions_created", "conversions", ["tenant", "created_at"])
    op.create_index(
        "conversions_batch", "conversions", ["tenant", "batch", "id"], postgresql_where=sa.text("batch IS NOT NULL")
    )
    op.create_index("conversions_queued", "conversions", ["created_at"], postgresql_where=sa.text("state = 'queued'"))
    op.create_table(
        "outputs",
        sa.Column("conversion_id", sa.Text, sa.ForeignKey("conversions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("format", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("content", JSONB, nullable=False),
    )
    op.create_index("outputs_format", "outputs", ["format", "conversion_id"])


def downgrade() -> None:
    op.drop_table("outputs")
    op.drop_table("conversions")
