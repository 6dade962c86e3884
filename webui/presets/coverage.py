"""What a shared preset draws on that not everybody it is shared with may read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import rag.api as rag
from webui.accounts.models import Group
from webui.presets.models import PresetGrant


def unread_by_some(
    grants: Sequence[PresetGrant], documents: Sequence[rag.Document], knowledge: Sequence[rag.Knowledge]
) -> list[rag.Document | rag.Knowledge]:
    """Return those that somebody among the grants may not read. At most four queries, however many there are."""
    if not grants or not (documents or knowledge):
        return []
    places: dict[int, list[int]] = defaultdict(list)
    for document_id, knowledge_id in rag.Membership.objects.filter(
        document__in=[document.pk for document in documents]
    ).values_list("document_id", "knowledge_id"):
        places[document_id].append(knowledge_id)
    concerned = {row.pk for row in knowledge}.union(*places.values())
    owners = dict(rag.Knowledge.objects.filter(pk__in=concerned).values_list("pk", "owner_id"))
    given: dict[int, set[tuple[int | None, int | None]]] = defaultdict(set)
    for knowledge_id, user_id, group_id in rag.KnowledgeGrant.objects.filter(knowledge__in=concerned).values_list(
        "knowledge_id", "user_id", "group_id"
    ):
        given[knowledge_id].add((user_id, group_id))
    groups = _groups_of(grant.user_id for grant in grants if grant.user_id)

    def opens(knowledge_id: int, grant: PresetGrant) -> bool:
        ways = given[knowledge_id]
        if (None, None) in ways or (grant.user_id, grant.group_id) in ways:
            return True
        user_id = grant.user_id
        return user_id is not None and (
            owners[knowledge_id] == user_id or any((None, group) in ways for group in groups[user_id])
        )

    def is_open(of_owner: int | None, in_knowledge: Collection[int], grant: PresetGrant) -> bool:
        is_own = of_owner is not None and of_owner == grant.user_id
        return is_own or any(opens(knowledge_id, grant) for knowledge_id in in_knowledge)

    return [
        *(row for row in knowledge if not all(opens(row.pk, grant) for grant in grants)),
        *(row for row in documents if not all(is_open(row.owner_id, places[row.pk], grant) for grant in grants)),
    ]


def _groups_of(user_ids: Iterable[int]) -> dict[int, set[int]]:
    groups: dict[int, set[int]] = defaultdict(set)
    links = Group.members.through._default_manager.filter(user_id__in=list(user_ids))
    for user_id, group_id in links.values_list("user_id", "group_id"):
        groups[user_id].add(group_id)
    return groups
