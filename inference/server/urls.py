"""Ollama's routes, OpenAI's and Anthropic's under `/v1/`, and a few of our own under `/hearth/`."""

from __future__ import annotations

from django.urls import path, re_path

from inference.server.views import (
    answers,
    anthropic,
    basics,
    creating,
    embeddings,
    hearth,
    hub,
    library,
    loading,
    metrics,
    models,
    openai,
    ranking,
    uploads,
)

urlpatterns = [
    path("", basics.home),
    path("api/version", basics.api_version),
    path("api/tags", models.tags),
    path("api/ps", models.ps),
    path("api/show", models.show),
    path("api/pull", models.pull),
    path("api/delete", models.delete),
    path("api/chat", answers.chat),
    path("api/generate", answers.generate),
    path("api/embed", embeddings.embed),
    path("api/embeddings", embeddings.embeddings),
    path("metrics", metrics.metrics),
    path("hearth/stores", hearth.stores),
    path("hearth/attach", hearth.attach),
    path("hearth/settings", hearth.settings),
    path("hearth/status", hearth.status),
    path("hearth/library", library.library),
    path("hearth/contents", library.contents),
    path("hearth/forecast", loading.forecast),
    path("hearth/load", loading.load),
    path("hearth/kept", loading.keep),
    path("hearth/hub/search", hub.search),
    path("hearth/hub/models", hub.models),
    path("hearth/uploads", uploads.uploads),
    path("hearth/uploads/<uuid:upload_id>", uploads.upload),
    path("hearth/uploads/<uuid:upload_id>/chunks/<int:index>", uploads.chunk),
    path("hearth/uploads/<uuid:upload_id>/finish", uploads.finish),
    path("api/create", creating.create_model),
    path("api/copy", creating.copy_model),
    path("api/blobs/<path:digest>", creating.blob),
    path("api/push", basics.push),
    re_path(r"^api/(?:me|status|signout|web_search|web_fetch|user/keys/.+|experimental/.+)$", basics.not_implemented),
    path("v1/chat/completions", openai.chat_completions),
    path("v1/completions", openai.completions),
    path("v1/embeddings", openai.embeddings),
    path("v1/responses", openai.responses),
    path("v1/messages", anthropic.messages),
    path("v1/models", openai.models),
    path("v1/models/<path:name>", openai.model),
    re_path(r"^(?:v1/)?rerank$", ranking.rerank),
    re_path(r"^v1/", basics.not_implemented),
]

handler400 = basics.bad_request
handler404 = basics.not_found
handler500 = basics.failed
