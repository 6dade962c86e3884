from __future__ import annotations

from django.urls import path

from webui.presets.views import defaults, presets, sharing, versions

app_name = "presets"

urlpatterns = [
    path("", presets.preset_list, name="list"),
    path("new/", presets.create, name="create"),
    path("defaults/", defaults.own, name="defaults"),
    path("<uuid:uuid>/", presets.preset, name="preset"),
    path("<uuid:uuid>/change/", presets.change, name="change"),
    path("<uuid:uuid>/picture/", presets.picture, name="picture"),
    path("<uuid:uuid>/copy/", presets.copy, name="copy"),
    path("<uuid:uuid>/delete/", presets.delete, name="delete"),
    path("<uuid:uuid>/undo-delete/", presets.undo_delete, name="undo_delete"),
    path("<uuid:uuid>/share/", sharing.share, name="share"),
    path("<uuid:uuid>/grants/", sharing.grant, name="grant"),
    path("<uuid:uuid>/grants/<uuid:grant_uuid>/revoke/", sharing.revoke, name="revoke"),
    path("<uuid:uuid>/versions/", versions.version_list, name="versions"),
    path("<uuid:uuid>/versions/<int:number>/restore/", versions.restore, name="restore"),
]
