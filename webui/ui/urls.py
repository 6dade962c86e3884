"""Addresses of the app that is installed."""

from __future__ import annotations

from django.urls import path

from webui.ui import views

app_name = "ui"
urlpatterns = [
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("service-worker.js", views.service_worker, name="service_worker"),
    path("offline/", views.offline, name="offline"),
]
