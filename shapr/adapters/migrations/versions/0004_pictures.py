"""size and digest of a conversion's thumbnail and preview"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversions", sa.Column("pictures", JSONB))


def downgrade() -> None:
    op.drop_column("conversions", "pictures")
