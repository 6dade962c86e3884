"""For connections to servers that run no models of chats: the same requests, limits and errors.

A server is one that an administrator has named. Redirects are not followed, so that neither key nor request goes
anywhere else; answers are bounded; a web page in the place of an answer is an error.
"""

from __future__ import annotations

from inference.connections.http import Upstream, UpstreamHttp
from inference.connections.transport import shared_session
from inference.dialects import values

__all__ = ["Upstream", "UpstreamHttp", "shared_session", "values"]
