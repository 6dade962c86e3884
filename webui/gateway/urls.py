"""What programs may ask: OpenAI's and Anthropic's addresses under `/v1/`, Ollama's under `/ollama/api/`."""

from __future__ import annotations

from django.urls import path

from webui.gateway import views

app_name = "gateway"

urlpatterns = [
    path("v1/models", views.openai_models, name="openai_models"),
    path("v1/models/<path:model_id>", views.openai_model, name="openai_model"),
    path("v1/chat/completions", views.ask, name="openai_chat"),
    path("v1/completions", views.ask, name="openai_completions"),
    path("v1/embeddings", views.embed, name="openai_embeddings"),
    path("v1/responses", views.ask, name="openai_responses"),
    path("v1/messages", views.ask, name="anthropic_messages"),
    path("v1/<path:rest>", views.unknown, name="unknown_v1"),
    path("ollama/api/version", views.ollama_version, name="ollama_version"),
    path("ollama/api/tags", views.ollama_tags, name="ollama_tags"),
    path("ollama/api/ps", views.ollama_ps, name="ollama_ps"),
    path("ollama/api/show", views.ollama_show, name="ollama_show"),
    path("ollama/api/chat", views.ask, name="ollama_chat"),
    path("ollama/api/generate", views.ask, name="ollama_generate"),
    path("ollama/api/embed", views.embed, name="ollama_embed"),
    path("ollama/api/embeddings", views.embed, name="ollama_embeddings"),
    path("ollama/api/pull", views.manage, name="ollama_pull"),
    path("ollama/api/create", views.manage, name="ollama_create"),
    path("ollama/api/copy", views.manage, name="ollama_copy"),
    path("ollama/api/delete", views.manage, name="ollama_delete"),
    path("ollama/api/push", views.push, name="ollama_push"),
    path("ollama/<path:rest>", views.unknown, name="unknown_ollama"),
]
