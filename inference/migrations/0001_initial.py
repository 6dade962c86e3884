from __future__ import annotations

import uuid

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[("ollama", "Ollama"), ("openai", "OpenAI-compatible")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("base_url", models.CharField(max_length=500, verbose_name="address")),
                ("encrypted_key", models.TextField(blank=True, editable=False)),
                ("prefix", models.SlugField(max_length=60, unique=True, verbose_name="prefix")),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("position", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["position", "id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["ollama", "openai"])), name="inference_connection_kind"
                    )
                ],
            },
        ),
    ]
