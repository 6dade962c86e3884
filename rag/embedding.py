"""Vectors of texts by an embedder, what can be measured of it, and how far its similarities can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference import client
from inference.errors import InferenceError
from rag import conf
from rag.errors import EmbedderChanged, EmbedderUseless
from rag.lexical import words
from rag.models import IndexVersion
from rag.types import Scale

# Larger batches are hardly faster, and these leave the embedder free for a question every tenth of a second.
BATCH = 16

# Questions with the sentence that answers each; the pairs have hardly a word, or a pair of characters, in common, so
# that only meaning brings them together.
_LATIN_PAIRS = (
    ("How can I sleep better?", "Go to bed early, drink no coffee, and keep the bedroom quiet."),
    ("Where can I buy medicine?", "The pharmacy on the corner stays open until late at night."),
    ("Do I need an umbrella tomorrow?", "The forecast says it will rain in the afternoon."),
    ("At what age do children start school?", "Pupils enter first grade when they turn six."),
    ("Why was the train late?", "A broken rail held up the railway for two hours."),
    ("Is this dish spicy?", "The cook put in many red chillies; it burns in the mouth."),
    ("Who invented the telephone?", "Bell received a patent in 1876 for a device that carries voices."),
    ("When is my salary paid?", "The firm transfers wages on the fifteenth of each month."),
    ("How do I make plants grow faster?", "Flowers want sunlight, water and fertiliser."),
    ("What if my computer does not turn on?", "First check the plug, then hold the power button down."),
    ("Which mountain is the highest?", "Everest rises 8,848 metres above the sea."),
    ("When must I return the book?", "The library lends for thirty days."),
)
_CJK_PAIRS = (
    ("怎样才能睡得更好？", "晚上早点上床，别喝咖啡，卧室要安静。"),
    ("哪里可以买到药？", "街角那家药房营业到深夜。"),
    ("明天需要带伞吗？", "天气预报说下午有大雨。"),
    ("孩子几岁上学？", "儿童满六周岁进入小学。"),
    ("火车为什么晚了？", "由于铁轨故障，列车延误了两个小时。"),
    ("这道菜辣不辣？", "厨师放了很多红椒，吃完嘴里发烫。"),
    ("谁发明了电话？", "贝尔于一八七六年取得通话装置的专利。"),
    ("工资什么时候发？", "公司每月十五日把薪水打入员工账户。"),
    ("怎么让植物长得快？", "花草需要阳光、水分和肥料。"),
    ("电脑打不开怎么办？", "先检查插座是否通电，再长按主机的启动键。"),
    ("哪座山最高？", "珠穆朗玛峰海拔八千八百多米。"),
    ("借的书何时归还？", "图书馆规定三十天之内交回。"),
)
# From this share of pairs on that find each other, similarity counts fully; at the lower one, not at all.
_FOUND_BY_CHANCE = 0.5
_FOUND_WELL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderProbe:
    """What was measured of an embedder. `digest` is empty when its server tells none; the rest as in `IndexVersion`."""

    embedder: str
    digest: str
    n_dims: int
    latin_trust: float = 1.0
    cjk_trust: float = 1.0
    scale: Scale = Scale()


@dataclass(frozen=True, slots=True)
class _Language:
    """How an embedder does with the pairs of one language.

    Attributes:
        trust: How well each question finds its own answer among all, 0 to 1; what ties with another is not found.
        scale: Mean similarity of a question with the others' answers, and with its own.
    """

    trust: float
    scale: Scale


async def probe(embedder: str) -> EmbedderProbe:
    """Measure an embedder with some four dozen sentences.

    Raises:
        inference.errors.InferenceError: It does not answer.
        EmbedderUseless: Its vectors do not tell texts apart.
    """
    digest = await digest_of(embedder)
    latin = [await embed_texts(embedder, side) for side in zip(*_LATIN_PAIRS, strict=True)]
    cjk = [await embed_texts(embedder, side) for side in zip(*_CJK_PAIRS, strict=True)]
    vectors = np.concatenate([*latin, *cjk])
    if not np.isfinite(vectors).all() or np.ptp(vectors, axis=0).max() < 1e-6:
        raise EmbedderUseless(embedder)
    return _probe_of(conf.plain_name(embedder), digest, vectors.shape[1], _measured(*latin), _measured(*cjk))


def _probe_of(embedder: str, digest: str, n_dims: int, latin: _Language, cjk: _Language) -> EmbedderProbe:
    best = max(latin, cjk, key=lambda language: language.trust)
    if best.trust == 0:
        # It knows other languages, or none and compares words: nothing to set its scale by, and no reason to distrust.
        return EmbedderProbe(embedder=embedder, digest=digest, n_dims=n_dims, cjk_trust=0.0)
    return EmbedderProbe(
        embedder=embedder, digest=digest, n_dims=n_dims, latin_trust=latin.trust, cjk_trust=cjk.trust,
        scale=best.scale,
    )  # fmt: skip


def _measured(questions: npt.NDArray[np.float32], answers: npt.NDArray[np.float32]) -> _Language:
    similarities = questions @ answers.T
    own = similarities.diagonal()
    n_as_near = (similarities >= own[:, np.newaxis] - 1e-6).sum(axis=1)
    found = float((n_as_near == 1).mean())
    share = (found - _FOUND_BY_CHANCE) / (_FOUND_WELL - _FOUND_BY_CHANCE)
    others = similarities[~np.eye(len(own), dtype=bool)]
    return _Language(min(max(share, 0.0), 1.0), Scale(float(others.mean()), float(own.mean())))


async def digest_of(embedder: str) -> str:
    """Return the digest of the model behind a name; empty when nobody tells it now."""
    try:
        return (await client.find_model(embedder)).digest or ""
    except InferenceError:
        # The embedding itself will tell what is wrong, if anything is.
        return ""


async def embed_texts(embedder: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return vectors of shape (len(texts), n_dims). Raises inference.errors.InferenceError."""
    batches = [await client.embed(embedder, texts[first : first + BATCH]) for first in range(0, len(texts), BATCH)]
    return np.concatenate(batches)


async def embed_for(version: IndexVersion, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return vectors, shape (len(texts), n_dims), that can stand beside those of an index version.

    Raises:
        inference.errors.InferenceError
        EmbedderChanged: Another model answers to the name of the version's embedder.
    """
    digest = await digest_of(version.embedder)
    if not is_same_model(version, digest):
        raise EmbedderChanged(version.embedder)
    vectors = await embed_texts(version.embedder, texts)
    if vectors.shape[1] != version.n_dims:
        raise EmbedderChanged(version.embedder)
    return vectors


def is_same_model(version: IndexVersion, digest: str) -> bool:
    """Whether a model with this digest is the version's; where no digest is told, nothing is known to have changed."""
    return not digest or not version.embedder_digest or digest == version.embedder_digest


async def embed_question(version: IndexVersion, question: str) -> npt.NDArray[np.float32]:
    """Return the vector, shape (n_dims,), of a question. Raises as `embed_for`."""
    vector: npt.NDArray[np.float32] = (await embed_for(version, [question]))[0]
    return vector


def trust(version: IndexVersion, question: str) -> float:
    """Return how much the similarity of a version's embedder counts for a question, 0 to 1.

    An English embedder turns most of a Chinese question into one unknown token; its similarities are noise then.
    """
    share_of_latin = words.share_of_latin(question)
    return share_of_latin * version.latin_trust + (1 - share_of_latin) * version.cjk_trust
