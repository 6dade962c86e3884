from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("broken_app", "0001_initial")]
    operations = [migrations.RunSQL("CREATE TABLE broken_first (id integer PRIMARY KEY)", migrations.RunSQL.noop)]
