"""Where Hugging Face is, or a mirror of it, and who we are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

DEFAULT_ENDPOINT = "https://huggingface.co"
DEFAULT_TOKEN_HOST = "huggingface.co"  # noqa: S105 (a host)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """Attributes:
    endpoint: The Hub, or a mirror of it.
    token: Sent to `token_host` and to no other one; not sent at all while the endpoint is elsewhere.
    """

    endpoint: str = DEFAULT_ENDPOINT
    token: str = field(default="", repr=False)
    token_host: str = DEFAULT_TOKEN_HOST

    @property
    def host(self) -> str:
        """The endpoint's host, with its port where it names one."""
        return urlsplit(self.endpoint).netloc.lower()

    @property
    def authorization(self) -> str | None:
        return f"Bearer {self.token}" if self.token and self.host == self.token_host else None
