from __future__ import annotations

from django.urls import path

from webui.presets.kinds import PROMPTS
from webui.presets.views import deleting, files, prompts, sharing, versions

app_name = "prompts"
KIND = {"kind": PROMPTS}

urlpatterns = [
    path("", prompts.prompt_list, name="list"),
    path("new/", prompts.create, name="create"),
    path("search/", prompts.search, name="search"),
    path("export/", files.export_prompts, name="export"),
    path("import/", files.import_prompt_file, name="import"),
    path("<uuid:uuid>/", prompts.prompt, name="preset"),
    path("<uuid:uuid>/insert/", prompts.insert, name="insert"),
    path("<uuid:uuid>/change/", prompts.change, name="change"),
    path("<uuid:uuid>/copy/", prompts.copy, name="copy"),
    path("<uuid:uuid>/delete/", deleting.delete, KIND, name="delete"),
    path("<uuid:uuid>/undo-delete/", deleting.undo_delete, KIND, name="undo_delete"),
    path("<uuid:uuid>/share/", sharing.share, KIND, name="share"),
    path("<uuid:uuid>/grants/", sharing.grant, KIND, name="grant"),
    path("<uuid:uuid>/grants/<uuid:grant_uuid>/revoke/", sharing.revoke, KIND, name="revoke"),
    path("<uuid:uuid>/versions/", versions.version_list, KIND, name="versions"),
    path("<uuid:uuid>/versions/<int:number>/restore/", versions.restore, KIND, name="restore"),
]
