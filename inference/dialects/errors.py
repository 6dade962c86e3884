"""What a decoder raises. Connections turn it into `WrongService`, which knows the address."""

from __future__ import annotations


class MalformedStream(ValueError):
    """The upstream broke the protocol it speaks: a line too long, no JSON, no object."""
