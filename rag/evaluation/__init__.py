"""How well retrieval does: golden questions run again, and their figures."""

from __future__ import annotations
