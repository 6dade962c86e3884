"""The table of the search over chats, which Django has no model for: FTS5 on SQLite, arrays under GIN on PostgreSQL."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# The grams come ready, with blanks between them: all other characters belong to one.
_PUNCTUATION = r"""!""#$%&''()*+,-./:;<=>?@[\]^_`{|}~"""
CREATE = {
    # Without positions: what is found is compared with its text anyway, and the index is a third as large.
    "sqlite": [
        "CREATE VIRTUAL TABLE chats_search USING fts5(grams, detail = none, columnsize = 0,"
        f""" tokenize = "ascii tokenchars '{_PUNCTUATION}'")"""
    ],
    # No foreign key, as on SQLite: `index.forget_…` goes before every deletion.
    "postgresql": [
        "CREATE TABLE chats_search (key bigint PRIMARY KEY, grams text[] NOT NULL)",
        "CREATE INDEX chats_search_grams ON chats_search USING gin (grams)",
    ],
}


def create_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Not through the schema editor, to which a per cent sign is the beginning of a parameter.
    with schema_editor.connection.cursor() as cursor:
        for statement in CREATE[schema_editor.connection.vendor]:
            cursor.execute(statement, None)


def drop_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    schema_editor.execute("DROP TABLE chats_search")


class Migration(migrations.Migration):
    dependencies = [("chats", "0001_initial")]
    operations = [migrations.RunPython(create_table, drop_table)]
