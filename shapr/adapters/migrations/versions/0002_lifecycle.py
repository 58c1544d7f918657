"""cancel, retry, delete, reuse, idempotency keys, switches, and the seed's conversions"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WAITING = "state = 'queued' OR (state = 'running' AND step = 'upload')"
UNENDED = "state IN ('queued', 'running', 'stalled')"
UNPURGED = "deleted_at IS NOT NULL AND deleted IS NULL"


def upgrade() -> None:
    for column in (
        sa.Column("queued_at", MOMENT),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("looked_at", MOMENT),
        sa.Column("deleted_at", MOMENT),
        sa.Column("deleted", JSONB),
        sa.Column("legacy", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("conversions", column)
    op.execute("UPDATE conversions SET queued_at = created_at WHERE state <> 'awaiting_source'")
    op.drop_index("conversions_queued", "conversions")
    op.create_index("conversions_waiting", "conversions", ["queued_at"], postgresql_where=sa.text(WAITING))
    op.create_index("conversions_unended", "conversions", ["looked_at"], postgresql_where=sa.text(UNENDED))
    op.create_index("conversions_unpurged", "conversions", ["deleted_at"], postgresql_where=sa.text(UNPURGED))
    op.create_index("conversions_legacy", "conversions", ["tenant", "id"], postgresql_where=sa.text("legacy"))
    op.create_index(
        "conversions_awaiting",
        "conversions",
        ["created_at"],
        postgresql_where=sa.text("state = 'awaiting_source'"),
    )
    op.add_column("outputs", sa.Column("recipe", sa.Text))
    op.create_index("outputs_recipe", "outputs", ["recipe"], postgresql_where=sa.text("recipe IS NOT NULL"))
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("held_until", MOMENT, nullable=False),
        sa.Column("fingerprint", sa.Text),
        sa.Column("conversion_id", sa.Text),
        sa.Column("expires_at", MOMENT, nullable=False),
    )
    op.create_index("idempotency_keys_expires", "idempotency_keys", ["expires_at"])
    op.create_table(
        "switches",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", MOMENT, nullable=False, server_default=sa.func.now()),
    )


def downgrade() -> None:
    op.drop_table("switches")
    op.drop_table("idempotency_keys")
    op.drop_index("outputs_recipe", "outputs")
    op.drop_column("outputs", "recipe")
    for name in ("waiting", "unended", "unpurged", "legacy", "awaiting"):
        op.drop_index(f"conversions_{name}", "conversions")
    for name in ("queued_at", "cancel_requested", "looked_at", "deleted_at", "deleted", "legacy"):
        op.drop_column("conversions", name)
    op.create_index("conversions_queued", "conversions", ["created_at"], postgresql_where=sa.text("state = 'queued'"))
