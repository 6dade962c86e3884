"""What the document side keeps in the database."""

from __future__ import annotations

from rag.models.documents import Document, ExtractedText, RecognisedPage, Removal, stored_name
from rag.models.evaluations import QUESTION_MAX_LENGTH, QUOTE_MAX_LENGTH, Evaluation, EvaluationResult, GoldenQuestion
from rag.models.folders import FOLDER_NAME_MAX_LENGTH, SyncedFile, SyncedFolder
from rag.models.index import Chunk, IndexEntry, IndexVersion
from rag.models.knowledge import (
    ARCHIVES_FOLDER,
    DESCRIPTION_MAX_LENGTH,
    FOLDER_PATH_MAX_LENGTH,
    IMPORTED_NAME_MAX_LENGTH,
    KNOWLEDGE_NAME_MAX_LENGTH,
    ImportedFile,
    Knowledge,
    KnowledgeFolder,
    KnowledgeGrant,
    KnowledgeImport,
    Membership,
)

__all__ = [
    "ARCHIVES_FOLDER",
    "Chunk",
    "DESCRIPTION_MAX_LENGTH",
    "Document",
    "Evaluation",
    "EvaluationResult",
    "ExtractedText",
    "FOLDER_NAME_MAX_LENGTH",
    "FOLDER_PATH_MAX_LENGTH",
    "GoldenQuestion",
    "IMPORTED_NAME_MAX_LENGTH",
    "ImportedFile",
    "IndexEntry",
    "IndexVersion",
    "KNOWLEDGE_NAME_MAX_LENGTH",
    "Knowledge",
    "KnowledgeFolder",
    "KnowledgeGrant",
    "KnowledgeImport",
    "Membership",
    "QUESTION_MAX_LENGTH",
    "QUOTE_MAX_LENGTH",
    "RecognisedPage",
    "Removal",
    "SyncedFile",
    "SyncedFolder",
    "stored_name",
]
