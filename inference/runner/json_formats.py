"""What the `format` of a JSON schema's string means, as regular expressions."""

from __future__ import annotations

_LEAP_YEAR = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    r"([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-"
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = rf"({_DAY}|{_LEAP_YEAR}-02-29)"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_OFFSET = r"(Z|[+\-]([01][0-9]|2[0-3]):[0-5][0-9])"
_LABEL = r"[a-z0-9]([a-z0-9\-]{0,20}[a-z0-9])?"
_BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HEX = r"[0-9a-fA-F]"
_DURATION_TIME = r"T([0-9]{1,4}H([0-9]{1,4}M([0-9]{1,4}S)?)?|[0-9]{1,4}M([0-9]{1,4}S)?|[0-9]{1,4}S)"
_DURATION_DATE = r"([0-9]{1,4}Y([0-9]{1,4}M([0-9]{1,4}D)?)?|[0-9]{1,4}M([0-9]{1,4}D)?|[0-9]{1,4}D)"

FORMATS = {
    "date": rf"^{_DATE}$",
    "time": rf"^{_CLOCK}{_OFFSET}$",
    "date-time": rf"^{_DATE}T{_CLOCK}{_OFFSET}$",
    "duration": rf"^P([0-9]{{1,4}}W|{_DURATION_DATE}({_DURATION_TIME})?|{_DURATION_TIME})$",
    "email": rf"^[a-zA-Z0-9_+\-]{{1,20}}(\.[a-zA-Z0-9_+\-]{{1,20}}){{0,3}}@{_LABEL}(\.{_LABEL}){{0,3}}\.[a-z]{{2,10}}$",
    "hostname": rf"^{_LABEL}(\.{_LABEL}){{0,4}}$",
    "ipv4": rf"^{_BYTE}(\.{_BYTE}){{3}}$",
    "ipv6": rf"^{_HEX}{{1,4}}(:{_HEX}{{1,4}}){{7}}$",
    "uri": rf"^https?://{_LABEL}(\.{_LABEL}){{0,4}}(:[1-9][0-9]{{0,3}})?(/[a-zA-Z0-9._~\-]{{0,60}}){{0,8}}$",
    "uuid": rf"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$",
}
"""Every text of such an expression has that format; not every text of the format has the expression.

Source: JSON Schema Validation 2020-12, section 7.3, and the RFCs 3339, 4122, 5321 and 3986 that it names.
"""
