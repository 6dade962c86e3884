from __future__ import annotations

from django.urls import path

from webui.presets.kinds import MODELS
from webui.presets.views import defaults, deleting, files, presets, sharing, versions

app_name = "presets"
KIND = {"kind": MODELS}

urlpatterns = [
    path("", presets.preset_list, name="list"),
    path("new/", presets.create, name="create"),
    path("export/", files.export_presets, name="export"),
    path("import/", files.import_preset_file, name="import"),
    path("defaults/", defaults.own, name="defaults"),
    path("<uuid:uuid>/", presets.preset, name="preset"),
    path("<uuid:uuid>/change/", presets.change, name="change"),
    path("<uuid:uuid>/picture/", presets.picture, name="picture"),
    path("<uuid:uuid>/Modelfile", presets.modelfile, name="modelfile"),
    path("<uuid:uuid>/copy/", presets.copy, name="copy"),
    path("<uuid:uuid>/delete/", deleting.delete, KIND, name="delete"),
    path("<uuid:uuid>/undo-delete/", deleting.undo_delete, KIND, name="undo_delete"),
    path("<uuid:uuid>/share/", sharing.share, KIND, name="share"),
    path("<uuid:uuid>/grants/", sharing.grant, KIND, name="grant"),
    path("<uuid:uuid>/grants/<uuid:grant_uuid>/revoke/", sharing.revoke, KIND, name="revoke"),
    path("<uuid:uuid>/versions/", versions.version_list, KIND, name="versions"),
    path("<uuid:uuid>/versions/<int:number>/restore/", versions.restore, KIND, name="restore"),
]
