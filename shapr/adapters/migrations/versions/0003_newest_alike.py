"""the newest output of a recipe is found without looking at all of them"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KNOWN = sa.text("recipe IS NOT NULL")


def upgrade() -> None:
    op.drop_index("outputs_recipe", "outputs")
    op.create_index("outputs_recipe", "outputs", ["recipe", "conversion_id"], postgresql_where=KNOWN)


def downgrade() -> None:
    op.drop_index("outputs_recipe", "outputs")
    op.create_index("outputs_recipe", "outputs", ["recipe"], postgresql_where=KNOWN)
