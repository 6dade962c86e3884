"""What Alice owns, and what of it Bob may read: rows whose every name, text and id can be recognised anywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model

from rag.evaluation.measures import CUTS
from rag.models import (
    Chunk,
    Document,
    Evaluation,
    EvaluationResult,
    ExtractedText,
    GoldenQuestion,
    ImportedFile,
    Knowledge,
    KnowledgeFolder,
    KnowledgeGrant,
    KnowledgeImport,
    Membership,
    RecognisedPage,
    SyncedFile,
    SyncedFolder,
)
from rag.services import knowledge as service
from rag.types import RetrievalTrace
from tests.factories import (
    make_answer,
    make_chat,
    make_document,
    make_folder,
    make_image,
    make_knowledge,
    make_message,
    make_preset,
    make_prompt,
    make_tag,
)
from webui.accounts.audiences import Audience
from webui.accounts.models import Group, User
from webui.chats.models import (
    Chat,
    ChatImport,
    Citation,
    Folder,
    Generation,
    Image,
    ImportedChat,
    Message,
    MessageRemoval,
    Rating,
    ShareGrant,
    ShareLink,
    Tag,
    Upload,
)
from webui.chats.services import sharing
from webui.presets import prompts
from webui.presets import services as presets
from webui.presets.models import (
    ModelPreset,
    PresetGrant,
    PresetPicture,
    PresetVersion,
    PromptGrant,
    PromptPreset,
    PromptUse,
    PromptVersion,
)

PRIVATE = "qzprivate"
SHARED = "qzshared"
"""Words that stand in everything Alice owns, and in nothing else."""
PLAIN = ("mine", "ours")
"""Words for what others own."""


@dataclass
class World:
    """Everything of one person, by what it is called in addresses and bodies."""

    owner: User
    private: Knowledge
    shared: Knowledge
    private_document: Document
    shared_document: Document
    private_preset: ModelPreset
    shared_preset: ModelPreset
    private_prompt: PromptPreset
    shared_prompt: PromptPreset
    folder: Folder
    chat: Chat
    message: Message
    rows: list[Model] = field(default_factory=list)

    def ids(self) -> list[str]:
        return _ids(self.rows)

    def ids_of(self, tables: Collection[str]) -> list[str]:
        return _ids(row for row in self.rows if row._meta.db_table in tables)

    def private_ids(self) -> list[str]:
        """Return the ids of what is shared with nobody: test questions and their runs go with their knowledge."""
        with_it = [row for row in self.rows if isinstance(row, GoldenQuestion | Evaluation)]
        shared = {
            self.shared,
            self.shared_document,
            self.shared_preset,
            self.shared_prompt,
            *(row for row in with_it if row.knowledge_id == self.shared.pk),
        }
        return _ids(row for row in self.rows if row not in shared)

    def outer_ids(self) -> list[str]:
        """Return ids of what has other things in it, whose ids may follow in an address."""
        return _ids(
            [
                self.private,
                self.shared,
                self.private_document,
                self.private_preset,
                self.private_prompt,
                self.chat,
                self.folder,
            ]
        )

    def inner_ids(self) -> list[str]:
        """Return the last made id of each kind."""
        return _ids({type(row): row for row in self.rows if hasattr(row, "uuid")}.values())


def _ids(rows: Iterable[Model]) -> list[str]:
    return [str(row.uuid) for row in rows if hasattr(row, "uuid")]


def make_world(owner: User, reader: User | None = None, *, words: tuple[str, str] = (PRIVATE, SHARED)) -> World:
    """Create one private and one shared knowledge with all that hangs on them, and a chat that has asked both.

    The chat is in a folder, which asks them too, and so do two presets. `words` stand in every name and text: the first
    in what is private, the second in what is shared.
    """
    private_word, shared_word = words
    private_document = _document(owner, private_word)
    shared_document = _document(owner, shared_word)
    private = _knowledge(owner, private_document, private_word)
    shared = _knowledge(owner, shared_document, shared_word)
    if reader:
        service.grant(shared, user=reader)
    group = Group.objects.create(name=f"{private_word} group of {owner.pk}")
    service.grant(private, group=group)
    documents, knowledge = [private_document, shared_document], [private, shared]
    private_preset = _preset(owner, private_word, documents=documents, knowledge=knowledge)
    # What it draws on is not shared with it.
    shared_preset = _preset(owner, shared_word, documents=documents, knowledge=knowledge)
    presets.grant(private_preset, group=group)
    private_prompt, shared_prompt = (
        make_prompt(
            owner=owner, command=f"{word}-command", name=f"{word} prompt", content=f"{word} text {{{{{word}}}}}"
        )
        for word in (private_word, shared_word)
    )
    presets.grant(private_prompt, group=group)
    prompts.insert_prompt(private_prompt, owner)
    if reader:
        presets.grant(shared_preset, user=reader)
        presets.grant(shared_prompt, user=reader)

    folder = make_folder(owner=owner, name=f"{private_word} place", system_prompt=f"{private_word} instructions")
    folder.documents.add(private_document, shared_document)
    folder.knowledge.add(private, shared)
    chat = make_chat(owner=owner, title=f"{private_word} chat", folder=folder)
    make_tag(chat, owner=owner, name=f"{private_word} tag")
    Upload.objects.create(document=private_document)
    question = make_message(chat, content=f"{private_word} question")
    question.documents.add(private_document, shared_document)
    question.knowledge.add(private, shared)
    trace = RetrievalTrace(
        question=f"{private_word} question", searched=f"{private_word} question", rewritten_by="", rewrite_problem="",
        terms=(private_word,), embedder="e", dense_trust=1.0, dense_problem="", candidates=(), lexical_s=0.1,
        embed_s=0.1, vector_s=0.1, total_s=0.1,
    )  # fmt: skip
    answer = make_answer(chat, content=f"{private_word} answer [1]", ledger={"retrieval": trace.as_dict()})
    Citation.objects.create(
        message=answer, number=1, document=private_document, document_name=private_document.name, start=0, end=9,
        text=f"{private_word} quotation",
    )  # fmt: skip
    make_image(owner=owner, message=question, name=f"{private_word} photo.png")
    make_image(owner=owner, name=f"{private_word} unsent photo.png")
    Rating.objects.create(message=answer, rated_by=owner, is_good=True, comment=f"{private_word} comment")
    sharing.grant(sharing.share_chat(chat, is_live=False), Audience(group=group))
    imported = ChatImport.objects.create(owner=owner, name=f"{private_word} export.json", n_bytes=1, state="done")
    ImportedChat.objects.create(source=imported, position=0, title=f"{private_word} imported", notes={"not_json": 1})
    removal = MessageRemoval.objects.create(chat=chat)
    Message.objects.create(chat=chat, parent=question, content=f"{private_word} removed", role="user", removal=removal)
    world = World(
        owner,
        private,
        shared,
        private_document,
        shared_document,
        private_preset,
        shared_preset,
        private_prompt,
        shared_prompt,
        folder,
        chat,
        answer,
    )
    world.rows = list(rows_of(owner))
    return world


def _document(owner: User, word: str) -> Document:
    text = f"The {word} lighthouse was built in 1902."
    document = make_document(owner=owner, name=f"{word} file.txt", text=text, n_chunks=1)
    RecognisedPage.objects.create(document=document, number=1, text=f"{word} picture")
    Chunk.objects.create(document=document, chunker="test", position=0, start=0, end=len(text), text=text)
    return document


def _preset(owner: User, word: str, **content: Any) -> ModelPreset:
    return make_preset(
        owner=owner,
        name=f"{word} preset",
        description=f"{word} description",
        system_prompt=f"{word} instructions",
        suggestions=[f"{word} suggestion"],
        picture=f"{word} pixels".encode(),
        **content,
    )


def _knowledge(owner: User, document: Document, word: str) -> Knowledge:
    knowledge = make_knowledge(owner=owner, name=f"{word} knowledge")
    service.describe_knowledge(knowledge, knowledge.name, f"{word} description")
    service.add_document(knowledge, document, service.create_folder(knowledge, f"{word} folder"))
    question = GoldenQuestion.objects.create(
        knowledge=knowledge, question=f"{word} golden?", document=document, document_name=document.name,
        document_owner=owner, made_by=owner,
    )  # fmt: skip
    run = Evaluation.objects.create(
        knowledge=knowledge, reason="asked", state="finished", n_questions=1, mrr=1.0,
        recall={str(cut): 1.0 for cut in CUTS},
    )  # fmt: skip
    EvaluationResult.objects.create(evaluation=run, question=question, rank=1, took_s=0.1)
    source = KnowledgeImport.objects.create(knowledge=knowledge, n_files=1, state="done")
    ImportedFile.objects.create(source=source, position=0, name=f"{word} imported", problem="link")
    folder = SyncedFolder.objects.create(knowledge=knowledge, path=f"/{word}/place", name=f"{word} synced")
    SyncedFile.objects.create(
        folder=folder,
        path=f"{word}.txt",
        real_path=f"{word}.txt",
        size_bytes=1,
        mtime_ns=1,
        ctime_ns=1,
        inode="1",
        document=document,
    )
    return knowledge


# How each kind of row leads to whose it is. A model class that is not named here fails `test_every_kind_is_known`.
OWNERS: dict[type[Model], str | None] = {
    Document: "owner",
    ExtractedText: "document__owner",
    Chunk: "document__owner",
    Knowledge: "owner",
    KnowledgeFolder: "knowledge__owner",
    Membership: "knowledge__owner",
    KnowledgeGrant: "knowledge__owner",
    GoldenQuestion: "knowledge__owner",
    KnowledgeImport: "knowledge__owner",
    ImportedFile: "source__knowledge__owner",
    Evaluation: "knowledge__owner",
    EvaluationResult: "evaluation__knowledge__owner",
    RecognisedPage: "document__owner",
    SyncedFolder: "knowledge__owner",
    SyncedFile: "folder__knowledge__owner",
    Folder: "owner",
    ModelPreset: "owner",
    PresetGrant: "preset__owner",
    PresetVersion: "preset__owner",
    PresetPicture: "preset__owner",
    PromptPreset: "owner",
    PromptGrant: "preset__owner",
    PromptVersion: "preset__owner",
    PromptUse: "used_by",
    Chat: "owner",
    ChatImport: "owner",
    ImportedChat: "source__owner",
    Tag: "owner",
    Upload: "document__owner",
    Message: "chat__owner",
    Generation: "message__chat__owner",
    Citation: "message__chat__owner",
    Image: "owner",
    Rating: "message__chat__owner",
    MessageRemoval: "chat__owner",
    ShareLink: "chat__owner",
    ShareGrant: "link__chat__owner",
}
NOBODYS = {"IndexVersion", "IndexEntry", "Removal", "ModelDefaults"}


def kinds() -> list[type[Model]]:
    """Return every model class of documents, presets and chats."""
    return [model for app in ("rag", "presets", "chats") for model in apps.get_app_config(app).get_models()]


def rows_of(owner: User) -> Iterator[Model]:
    for model, path in OWNERS.items():
        yield from model._default_manager.filter(**{str(path): owner}).order_by("pk")


def parents_of(row: Model) -> list[Model]:
    """Return what a row points at, whose ids may stand before its own in an address."""
    named = (getattr(row, field.name) for field in row._meta.fields if field.many_to_one or field.one_to_one)
    return [parent for parent in named if hasattr(parent, "uuid")]


def snapshot(owner: User) -> list[dict[str, Any]]:
    """Return all that belongs to a person, value by value, where their documents are, what their folders ask,
    and which tags their chats have.
    """
    values = [
        {"kind": model.__name__, **row}
        for model, path in OWNERS.items()
        for row in model._default_manager.filter(**{str(path): owner}).order_by("pk").values()
    ]
    places = Membership.objects.filter(document__owner=owner).order_by("pk").values("knowledge_id", "document_id")
    asked = [
        {"kind": kind, **row}
        for model in (Folder, ModelPreset)
        for kind in ("documents", "knowledge")
        for row in model._default_manager.filter(owner=owner).order_by("pk", kind).values("pk", kind)
    ]
    person = get_user_model().objects.filter(pk=owner.pk).values("email", "name", "role", "is_active")
    tagged = Chat.tags.through.objects.filter(chat__owner=owner).order_by("pk").values("chat_id", "tag_id")
    return [*values, *places, *asked, *tagged, *person]
