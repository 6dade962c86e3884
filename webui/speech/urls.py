from __future__ import annotations

from django.urls import path

from webui.speech import views

app_name = "speech"
urlpatterns = [
    path("", views.preferences, name="preferences"),
    path("say/", views.say, name="say"),
    path("transcriptions/", views.write_down, name="write_down"),
]
