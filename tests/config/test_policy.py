"""Every address of the site answers an administrator, under the policy that keeps foreign code out."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import get_resolver

from tests.config.test_access_matrix import READINESS, Address, addresses, ask

pytestmark = pytest.mark.django_db

# A frame with a policy of its own, which lets in less: see tests/chats/test_previews.py.
FRAMES = {"chats:drawer"}
PAGES = [address for address in addresses(get_resolver().url_patterns) if address.name not in FRAMES]


@pytest.mark.parametrize("address", PAGES, ids=lambda address: address.name)
def test_no_page_fails_or_lacks_the_policy(root_client: Client, address: Address) -> None:
    response = ask(root_client, "get", address)

    assert response.status_code < 500 or address.name in READINESS
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
