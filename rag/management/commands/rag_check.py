from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rag.errors import StoreOwnedElsewhere, StoreUnavailable
from rag.services import check
from rag.store import close_store, vector_store

UNCHECKED_EXIT_CODE = 2


class Command(BaseCommand):
    help = (
        "Check that documents, words, vectors and stored files agree. "
        "Exit code 0: they do; 1: differences were found; 2: not everything could be looked at."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what does not agree")

    def handle(self, *, repair: bool, **options: Any) -> None:
        can_see_vectors = self._opens_store()
        n_found = 0
        try:
            for difference in check.differences(with_vectors=can_see_vectors):
                n_found += 1
                if repair:
                    difference.repair()
                self.stdout.write(
                    f"{difference.sentence} {f'Repaired: {difference.remedy}.' if repair else ''}".rstrip()
                )
        finally:
            close_store()
        if not n_found:
            seen = "Documents, words, vectors" if can_see_vectors else "Documents, words"
            self.stdout.write(f"{seen} and stored files agree.")
        elif not repair:
            self.stdout.write("rag_check --repair mends what it can.")
        if n_found or not can_see_vectors:
            sys.exit(1 if n_found else UNCHECKED_EXIT_CODE)

    def _opens_store(self) -> bool:
        try:
            vector_store()
        except StoreOwnedElsewhere:
            self.stderr.write(
                "The vectors belong to the running web process and were not checked. Stop it to check them too."
            )
            return False
        except StoreUnavailable as exc:
            self.stderr.write(f"The vectors could not be opened and were not checked: {exc}")
            return False
        return True
