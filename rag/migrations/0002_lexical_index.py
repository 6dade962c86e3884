"""The table of the lexical index, which Django has no model for: FTS5 on SQLite, tsvector on PostgreSQL."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

CREATE = {
    # The terms are stemmed and folded before they come here; unicode61 only has to split them at blanks.
    "sqlite": ['CREATE VIRTUAL TABLE rag_lexical USING fts5(terms, tokenize = "unicode61 remove_diacritics 0")'],
    # No foreign key, as on SQLite: `lexical.remove` goes before every chunk, and Django, which does not know this
    # table, could not empty the other one.
    "postgresql": [
        "CREATE TABLE rag_lexical (chunk_id bigint PRIMARY KEY, terms tsvector NOT NULL)",
        "CREATE INDEX rag_lexical_terms ON rag_lexical USING gin (terms)",
    ],
}


def create_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in CREATE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    schema_editor.execute("DROP TABLE rag_lexical")


class Migration(migrations.Migration):
    dependencies = [("rag", "0001_initial")]
    operations = [migrations.RunPython(create_table, drop_table)]
