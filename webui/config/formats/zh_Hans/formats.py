"""Chinese. Digits stand in groups of three. Source: Unicode CLDR, zh."""

from __future__ import annotations

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
