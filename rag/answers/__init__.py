"""What an answer is made of: sentences and statements, the Quotes answerer, the marks by which an answer cites."""

from __future__ import annotations
