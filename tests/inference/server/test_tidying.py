"""Real servers that start on a store with a blob that no model uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.model_server import ModelServer, seconds_until
from tests.inference.library.stores import digest_of, make_store, put_model

pytestmark = pytest.mark.model

IMPATIENT = (
    "from inference.library import leftovers; leftovers.UNUSED_S = -60; "
    "from inference.server.process import main; main()"
)


@pytest.mark.parametrize(("variables", "is_kept"), [({}, False), ({"OLLAMA_NOPRUNE": "1"}, True)])
def test_what_no_model_uses_is_deleted_at_the_start(tmp_path: Path, variables: dict[str, str], is_kept: bool) -> None:
    store = make_store(tmp_path / "models" / "store")
    weights = put_model(store, "tiny", model=b"weights")
    unused = store.blob_file(store.put_blob(b"sent and forgotten")[0])

    with ModelServer(tmp_path, command=("-c", IMPATIENT), **variables) as server:
        if not is_kept:
            seconds_until(lambda: not unused.exists())
        assert server.http.head(f"/api/blobs/{digest_of(b'weights')}").status_code == 200

    assert unused.exists() == is_kept
    assert weights.exists()
