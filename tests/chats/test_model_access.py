"""A model that is not for Bob: on no list of his, and refused wherever he names it, in every spelling."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from inference import catalog
from inference.errors import ModelNotFound
from tests.chats.pages import Page
from tests.doubles.upstream import Behaviour, Upstream
from tests.factories import make_answer, make_chat, make_group, make_message, make_preset
from webui.accounts import model_access
from webui.accounts.model_access import drop_rule, is_hidden, models_for, require_model, set_rule
from webui.accounts.models import Role, User
from webui.chats.models import Generation, Message
from webui.presets.ids import preset_id
from webui.presets.models import ModelPreset
from webui.presets.services import set_model_defaults

SLOW = Behaviour(tokens=500, rate=20)
ROOT = Path(__file__).resolve().parents[2]
KEY = "builtin/tiny"
SPELLINGS = ["tiny:latest", "tiny", "builtin/tiny:latest", "builtin/tiny", "TINY:latest", "Builtin/Tiny"]


@pytest.fixture
def bob_page(bob_client: Client) -> Page:
    return Page(bob_client)


@pytest.fixture
def root(root_client: Client) -> User:
    return User.objects.get(role=Role.ADMIN)


@pytest.fixture
def closed(alice: User, bob: User, root: User) -> User:
    """`tiny` is Alice's alone."""
    set_rule(KEY, is_open=False, people=[alice], groups=[], by=root)
    return root


def give(browser: Client, word: str, model: str) -> dict[str, str]:
    outcome: dict[str, str] = browser.post(reverse("chats:command"), {"command": word, "model": model}).json()
    return outcome


def ids(user: User) -> set[str]:
    return {model.id for model in models_for(user).models}


# ---- who may ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_model_is_for_those_it_was_given_to_and_administrators(
    model_server: Upstream, closed: User, alice: User, bob: User
) -> None:
    assert "tiny:latest" in ids(alice) & ids(closed)
    assert ids(bob) == {"large:latest", "embed:latest"}

    group = make_group(bob)
    set_rule(KEY, is_open=False, people=[], groups=[group], by=closed)
    assert "tiny:latest" in ids(bob)
    assert "tiny:latest" not in ids(alice)

    group.members.remove(bob)
    assert "tiny:latest" not in ids(bob)

    drop_rule(KEY, by=closed)
    assert "tiny:latest" in ids(bob)


@pytest.mark.django_db
def test_new_models_can_wait_until_they_are_shared(
    model_server: Upstream, settings: Settings, root: User, bob: User
) -> None:
    settings.HEARTH_PINNED_SETTINGS = {"new_models": "closed"}
    set_rule("builtin/large", is_open=True, people=[], groups=[], by=root)

    assert ids(bob) == {"large:latest"}
    assert len(ids(root)) == 3


@pytest.mark.django_db
def test_a_rule_stays_with_its_model_when_another_connection_offers_the_name_first(closed: User, bob: User) -> None:
    from inference.conf import ConnectionSpec
    from inference.types import ModelInfo, ModelList

    first, builtin = (
        ConnectionSpec(name=prefix, kind="ollama", url=f"http://{prefix}", prefix=prefix)
        for prefix in ("first", "builtin")
    )
    tiny = ModelInfo(id="tiny:latest", name="tiny:latest", connection="", connection_kind="ollama")
    listings = [catalog.Listing(spec=spec, models=(tiny,)) for spec in (first, builtin)]
    offered = ModelList(models=tuple(offer.model for offer in catalog.assign_ids(listings)), problems=())

    assert [model.id for model in offered.models] == ["tiny:latest", "builtin/tiny:latest"]
    assert [model.key for model in model_access.usable(bob, offered).models] == ["first/tiny"]


@pytest.mark.django_db
def test_what_is_known_costs_no_query_while_all_models_are_open(bob: User, model_server: Upstream) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert not is_hidden(bob, "tiny")

    assert len(queries) == 0


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.django_db(transaction=True)
async def test_no_spelling_goes_round_a_rule(site: Upstream, alice: User, bob: User, closed: User, name: str) -> None:
    with pytest.raises(ModelNotFound):
        await require_model(bob, name)


# ---- what is offered and shown -----------------------------------------------------------------------


@pytest.fixture
def shared(alice: User, bob: User) -> ModelPreset:
    return make_preset(owner=alice, name="Pilot", readers=[bob])


@pytest.mark.django_db
def test_no_page_of_bobs_offers_or_tells_anything_of_it(
    model_server: Upstream, closed: User, bob: User, bob_client: Client, shared: ModelPreset
) -> None:
    set_model_defaults("tiny:latest", system_prompt="Sealed orders", options={}, by=closed)
    own = make_preset(owner=bob, name="Mine", base_model="tiny:latest")
    chat = make_chat(owner=bob, model="large:latest")
    answer = make_answer(chat, parent=make_message(chat, content="Hi"), model="large:latest")

    page = bob_client.get(reverse("chats:new"), {"model": "tiny:latest"}).context["page"]
    assert "tiny:latest" not in [model.id for model in page.models]
    assert page.selected_model == "large:latest"
    assert page.presets == []
    merge = bob_client.get(reverse("chats:merge", args=[chat.uuid, answer.uuid])).content.decode()
    assert "tiny" not in merge
    assert "Pilot" not in bob_client.get(reverse("presets:list")).content.decode()
    assert bob_client.get(reverse("presets:preset", args=[shared.uuid])).status_code == 404
    assert "Sealed" not in bob_client.get(reverse("presets:preset", args=[own.uuid])).content.decode()
    create = {"name": "Bypass", "base_model": "tiny:latest"}
    assert bob_client.post(reverse("presets:create"), create).status_code == 422

    for model in [*SPELLINGS, preset_id(own.uuid), preset_id(shared.uuid)]:
        options = bob_client.get(reverse("chats:new_options"), {"model": model}).content.decode()
        assert "Sealed" not in options
        for word in ("info", "system", "parameters", "modelfile"):
            assert "Sealed" not in str(give(bob_client, f"/show {word}", model)), word
        assert "tiny" not in str(give(bob_client, "/list", model)).lower()
        assert "go" not in give(bob_client, f"/load {model}", model)
        assert "refusal" in give(bob_client, "/save Bypass", model)
    assert not ModelPreset.objects.filter(name="Bypass").exists()


# ---- what runs -------------------------------------------------------------------------------------


async def test_bob_reaches_it_by_no_event(
    site: Upstream, closed: User, bob: User, bob_page: Page, shared: ModelPreset
) -> None:
    chat = await database_sync_to_async(make_chat)(owner=bob, model="tiny:latest")
    question = await database_sync_to_async(make_message)(chat, content="Hi")
    answers = [
        await database_sync_to_async(make_answer)(chat, parent=question, content=text) for text in ("One", "Two")
    ]
    own = await database_sync_to_async(make_preset)(owner=bob, name="Mine", base_model="tiny:latest")
    here, asked = str(chat.uuid), str(question.uuid)

    async with bob_page as page:
        for model in [*SPELLINGS, preset_id(shared.uuid), preset_id(own.uuid)]:
            for ask in (
                page.send("Hi", model=model),
                page.send("Hi", model="large:latest", to=model),
                page.send("Hi", chat=here, model=model, beside=[model]),
                page.edit(here, asked, "Ho", model=model),
                page.regenerate(here, str(answers[0].uuid), model=model),
                page.merge(here, [str(given.uuid) for given in answers], model=model),
            ):
                await ask
                assert (await page.next())["type"] == "request.refused", model
        # Beside one that he may use, its place in the chat says that it is not there.
        await page.send("Hi", chat=here, model="large:latest", beside=["tiny"])
        await page.until("generation.ended")
        await page.until("generation.ended")

    assert {request.body["model"] for request in site.requests if request.path == "/api/chat"} == {"large:latest"}


@pytest.mark.parametrize("change", ["rule", "group", "role"])
async def test_an_answer_ends_within_a_second_of_losing_its_model(
    site: Upstream, root: User, bob: User, bob_page: Page, change: str
) -> None:
    group = await database_sync_to_async(make_group)(bob)
    give = database_sync_to_async(set_rule)
    await give(KEY, is_open=False, people=[], groups=[group], by=root)
    site.behaviour = SLOW

    async with bob_page as page:
        await page.send("How?")
        await page.until("text.added")
        started = time.monotonic()
        if change == "rule":
            await give(KEY, is_open=False, people=[], groups=[], by=root)
        elif change == "group":
            await group.members.aremove(bob)
        else:
            await User.objects.filter(pk=bob.pk).aupdate(role=Role.PENDING)
        await site.wait_until_async(lambda upstream: upstream.n_aborted == 1)
        stopped_after_s = time.monotonic() - started

    assert stopped_after_s < 1
    generation = await Generation.objects.select_related("message").aget()
    assert generation.message.role == Message.Role.ASSISTANT


# ---- callers -----------------------------------------------------------------------------------------

KNOWN = {
    # Decides, or reads what has been decided.
    "webui/accounts/model_access.py": {"models_at_hand", "find_model"},
    "webui/chats/answering/afterthoughts.py": {"stream_chat"},
    "webui/chats/answering/orchestration.py": {"stream_chat"},
    # Nobody answers in a place whose model is hidden: `views/places.py`.
    "webui/chats/views/notes.py": {"model_card", "find_model"},
    "webui/presets/views/presets.py": {"chat_body"},
    # Filtered by `usable`, or looked up by `require_model` first; the built-in server is managed by administrators.
    "webui/gateway/views.py": {"models_at_hand", "loaded_models", "relay", "relay_to_builtin"},
    # Asked by an answer, with its model; the embedder and the reranker are the site's.
    "rag/retrieval/rewriting.py": {"stream_chat"},
    "rag/embedding.py": {"find_model", "embed"},
    "rag/retrieval/reranking.py": {"rerank"},
}
ASKING = {
    "chat_body", "embed", "find_model", "list_models", "loaded_models", "model_card", "models_at_hand",
    "models_of_connection", "relay", "relay_to_builtin", "rerank", "stream_chat",
}  # fmt: skip


def callers() -> Iterator[tuple[str, str]]:
    """Yield which file uses which function that runs or names a model; commands and administrators may all."""
    for package in ("webui", "rag"):
        for path in (ROOT / package).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if name.startswith(("webui/administration/", "webui/management/", "webui/config/")):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Attribute(value=ast.Name(id="client"), attr=attr) if attr in ASKING:
                        yield name, attr
                    case ast.ImportFrom(module="inference.client", names=names):
                        yield from ((name, alias.name) for alias in names)


def test_whoever_asks_a_model_is_known_to_ask_who_may() -> None:
    """A new caller goes through `require_model` or `models_for`, and is written down above."""
    new = [(name, what) for name, what in callers() if what not in KNOWN.get(name, set())]

    assert new == []
