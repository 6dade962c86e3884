"""Index versions: which one answers draw on, which one is being built, and what becomes of the others.

Answers come from the CURRENT version until the BUILDING one holds every READY document; one transaction then makes the
one CURRENT and the other PREVIOUS. Going back is building the previous one again: it lacks only what came since.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from rag import chunking, conf
from rag.embedding import EmbedderProbe, is_same_model
from rag.errors import NothingToRollBack
from rag.lexical import entries
from rag.models import Chunk, Document, IndexEntry, IndexVersion
from rag.queries import current_version, version_in
from rag.services import wording
from rag.store import vector_store

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

State = IndexVersion.State

# A question that was asked before a switch may still look into the version it began with.
RETIREMENT_S = 60.0
# Of the newest batch, in the measured speed.
_SPEED_WEIGHT = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """How far the version being built is. `remaining_s` is None as long as nobody can tell."""

    n_documents: int
    n_documents_done: int
    n_chunks: int
    n_chunks_done: int
    remaining_s: float | None

    @property
    def percent(self) -> int:
        return 100 * self.n_chunks_done // self.n_chunks if self.n_chunks else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOverview:
    """The versions of the index as an administrator sees them.

    Attributes:
        fixed_embedder: What the environment wants; empty when administrators choose.
        n_documents: Those that answers can draw on.
        left_in: Stores of before that vectors are still to be removed from.
        is_stuck: Whether one of them does not let them be removed.
        n_outdated: Those whose words are still to be indexed as this release does.
        progress: Of the version being built.
    """

    fixed_embedder: str
    current: IndexVersion | None
    building: IndexVersion | None
    previous: IndexVersion | None
    n_documents: int
    n_outdated: int
    left_in: tuple[str, ...]
    is_stuck: bool
    progress: BuildProgress | None

    @property
    def chosen_by(self) -> AbstractBaseUser | None:
        chosen = self.building or self.current
        return chosen.chosen_by if chosen else None

    @property
    def store(self) -> str:
        """Where vectors are kept now."""
        return conf.store_name()

    @property
    def is_moving(self) -> bool:
        """Whether answers do without vectors, because those in use lie in a store of before."""
        return self.current is not None and self.current.is_elsewhere


def index_overview() -> IndexOverview:
    kept = [State.CURRENT, State.BUILDING, State.PREVIOUS]
    versions = {v.state: v for v in IndexVersion.objects.filter(state__in=kept).select_related("chosen_by")}
    building = versions.get(State.BUILDING)
    left = IndexVersion.objects.filter(state=State.RETIRED).exclude(store=conf.store_name())
    return IndexOverview(
        fixed_embedder=conf.fixed_embedder(),
        current=versions.get(State.CURRENT),
        building=building,
        previous=versions.get(State.PREVIOUS),
        n_documents=Document.objects.filter(state=Document.State.READY).count(),
        left_in=tuple(sorted({version.store for version in left})),
        is_stuck=any(version.error for version in left),
        n_outdated=wording.outdated_documents().count(),
        progress=build_progress(building) if building else None,
    )


def first_version(probe: EmbedderProbe) -> IndexVersion:
    """Return the version in use; the first one, for this embedder, if there is none."""
    with transaction.atomic():
        # Two documents may be the first at the same moment.
        return current_version() or IndexVersion.objects.create(
            embedder=probe.embedder, embedder_digest=probe.digest, n_dims=probe.n_dims, chunker=chunking.NAME,
            store=conf.store_name(), state=State.CURRENT, has_been_current=True, **measured(probe),
        )  # fmt: skip


def begin_build(probe: EmbedderProbe, *, by: AbstractBaseUser | None = None) -> IndexVersion:
    """Return the version for an embedder, to be built; an unfinished one for another embedder is given up.

    The version in use comes back as it is, and the first of all is in use at once. What is still stored of this
    version from an earlier time is built upon.
    """
    with transaction.atomic():
        found = IndexVersion.objects.select_for_update().filter(
            embedder=probe.embedder, embedder_digest=probe.digest, n_dims=probe.n_dims, chunker=chunking.NAME,
            store=conf.store_name(),
        )  # fmt: skip
        # Its name in the store is not used again: the removal of its vectors may still be under way.
        found.filter(state=State.DROPPED).delete()
        version = found.first()
        others = IndexVersion.objects.filter(state=State.BUILDING)
        _become(others.exclude(pk=version.pk) if version else others, State.RETIRED)
        if version and version.state in (State.CURRENT, State.BUILDING):
            return version
        if version is None:
            version = IndexVersion(
                embedder=probe.embedder, embedder_digest=probe.digest, n_dims=probe.n_dims, chunker=chunking.NAME,
                store=conf.store_name(),
            )  # fmt: skip
        is_first = current_version() is None
        version.state, version.since, version.error = State.CURRENT if is_first else State.BUILDING, timezone.now(), ""
        version.has_been_current = is_first or version.has_been_current
        version.chosen_by_id = by.pk if by else None
        for name, value in measured(probe).items():
            setattr(version, name, value)
        version.save()
    return version


def measured(probe: EmbedderProbe) -> dict[str, float]:
    """Return what a version keeps of how its embedder does."""
    return {
        "latin_trust": probe.latin_trust,
        "cjk_trust": probe.cjk_trust,
        "unrelated": probe.scale.unrelated,
        "related": probe.scale.related,
    }


def abort_build() -> None:
    """Give up the version being built; one that was in use before is kept as it was."""
    with transaction.atomic():
        building = version_in(State.BUILDING)
        if building is not None:
            # On the way back, it is still the way back.
            is_way_back = building.has_been_current and not building.is_elsewhere
            state = State.PREVIOUS if is_way_back else State.RETIRED
            _become(IndexVersion.objects.filter(pk=building.pk), state)


def roll_back() -> IndexVersion:
    """Let the previous version come into use again, as soon as it holds what was added since.

    Raises:
        NothingToRollBack: There is none any more, or not in the store that is configured.
    """
    with transaction.atomic():
        previous = IndexVersion.objects.select_for_update().filter(state=State.PREVIOUS).first()
        if previous is None or previous.is_elsewhere:
            raise NothingToRollBack
        _become(IndexVersion.objects.filter(state=State.BUILDING), State.RETIRED)
        _become(IndexVersion.objects.filter(pk=previous.pk), State.BUILDING)
    return previous


def drop_previous() -> None:
    """Give up the way back."""
    _become(IndexVersion.objects.filter(state=State.PREVIOUS), State.RETIRED)


def is_known(embedder: str, digest: str) -> bool:
    """Whether there is a version for this embedder and today's chunker, or was one that somebody gave up."""
    versions = IndexVersion.objects.filter(embedder=embedder, chunker=chunking.NAME, store=conf.store_name())
    return any(is_same_model(version, digest) for version in versions)


def learn_digest(version: IndexVersion, digest: str) -> None:
    """Keep the digest that the server of an embedder tells only now."""
    if digest and not version.embedder_digest:
        version.embedder_digest = digest
        version.save(update_fields=["embedder_digest"])


def missing_documents(version: IndexVersion) -> QuerySet[Document]:
    """Return the READY documents that a version does not hold whole, oldest first."""
    held = IndexEntry.objects.filter(version=version, is_complete=True).values("document")
    ready = Document.objects.filter(state=Document.State.READY, extracted__isnull=False)
    return ready.exclude(pk__in=held).order_by("pk")


def switch(version: IndexVersion) -> bool:
    """Bring a version that was built into use; return False if it lacks a document, or was given up."""
    with transaction.atomic():
        states = {row.pk: row for row in IndexVersion.objects.select_for_update()}
        if states[version.pk].state != State.BUILDING or missing_documents(version).exists():
            return False
        _become(IndexVersion.objects.filter(state=State.PREVIOUS), State.RETIRED)
        # Nobody can go back to what lies in another store.
        current = IndexVersion.objects.filter(state=State.CURRENT)
        _become(current.exclude(store=conf.store_name()), State.RETIRED)
        _become(current, State.PREVIOUS)
        built = IndexVersion.objects.filter(pk=version.pk)
        built.update(has_been_current=True)
        _become(built, State.CURRENT)
        _count_chunks(version.chunker)
    return True


def _count_chunks(chunker: str) -> None:
    """Let each document say how many chunks it has now."""
    chunks = Chunk.objects.filter(document=OuterRef("pk"), chunker=chunker).values("document")
    n_chunks = Coalesce(Subquery(chunks.annotate(n=Count("pk")).values("n")), 0)
    Document.objects.filter(state=Document.State.READY).update(n_chunks=n_chunks, n_chunks_done=n_chunks)


def remove_retired() -> int:
    """Remove the vectors of versions given up a while ago; return how many are left to remove.

    Those in a store of before are `left_stores`' business.
    """
    due = IndexVersion.objects.filter(state=State.RETIRED, store=conf.store_name())
    for version in due.filter(since__lte=timezone.now() - timedelta(seconds=RETIREMENT_S)):
        with transaction.atomic():
            if not _become(IndexVersion.objects.filter(pk=version.pk, state=State.RETIRED), State.DROPPED):
                continue
            version.entries.all().delete()
        vector_store().drop(version.collection)
        forget_unused_chunks()
    return due.count()


def unused_chunks() -> QuerySet[Chunk]:
    """Return the chunks of chunkers that no version uses any more."""
    used = IndexVersion.objects.exclude(state=State.DROPPED).values_list("chunker", flat=True)
    return Chunk.objects.exclude(chunker__in=[chunking.NAME, *used]).order_by()


def forget_unused_chunks() -> None:
    """Remove them, a document at a time."""
    for document_id, chunker in unused_chunks().values_list("document", "chunker").distinct():
        with transaction.atomic():
            entries.remove(document_id, chunker)
            Chunk.objects.filter(document=document_id, chunker=chunker).delete()


def note_progress(version: IndexVersion, n_chunks: int, elapsed_s: float) -> None:
    """Keep the speed of a building version, in chunks a second."""
    speed = n_chunks / max(elapsed_s, 1e-3)
    known = version.chunks_per_s
    version.chunks_per_s = speed if known is None else (1 - _SPEED_WEIGHT) * known + _SPEED_WEIGHT * speed
    version.error = ""
    version.save(update_fields=["chunks_per_s", "error"])


def note_problem(version: IndexVersion, problem: str) -> None:
    IndexVersion.objects.filter(pk=version.pk).update(error=problem)


def build_progress(version: IndexVersion) -> BuildProgress:
    """Return how far a version is. Two queries."""
    ready = Document.objects.filter(state=Document.State.READY)
    whole = ready.aggregate(n=Count("pk"), chunks=Sum("n_chunks"))
    entries = IndexEntry.objects.filter(version=version, document__state=Document.State.READY)
    done = entries.aggregate(n=Count("pk", filter=Q(is_complete=True)), chunks=Sum("n_chunks_done"))
    n_chunks = max(whole["chunks"] or 0, done["chunks"] or 0)
    left = n_chunks - (done["chunks"] or 0)
    return BuildProgress(
        n_documents=whole["n"], n_documents_done=done["n"], n_chunks=n_chunks, n_chunks_done=done["chunks"] or 0,
        remaining_s=left / version.chunks_per_s if version.chunks_per_s else None,
    )  # fmt: skip


def _become(versions: QuerySet[IndexVersion], state: str) -> int:
    return versions.update(state=state, since=timezone.now(), error="")
