"""A citation names a slide, a sheet or a section, not only a page."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chats", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="citation",
            name="page_kind",
            field=models.CharField(default="page", max_length=10),
        ),
        migrations.AddField(
            model_name="citation",
            name="page_name",
            field=models.CharField(blank=True, max_length=200),
        ),
    ]
