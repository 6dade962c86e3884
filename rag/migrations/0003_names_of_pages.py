"""Sheets and headings have names, which citations tell."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("rag", "0002_lexical_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="chunk",
            name="page_name",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="extractedtext",
            name="page_names",
            field=models.JSONField(default=list),
        ),
    ]
