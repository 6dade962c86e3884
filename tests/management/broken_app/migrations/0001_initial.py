from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        migrations.RunSQL("CREATE TABLE broken_first (id integer PRIMARY KEY)", migrations.RunSQL.noop),
        migrations.RunSQL("DELETE FROM accounts_user", migrations.RunSQL.noop),
    ]
