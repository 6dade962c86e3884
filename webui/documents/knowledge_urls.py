from __future__ import annotations

from django.urls import path

from webui.documents.views import (
    golden,
    knowledge,
    knowledge_documents,
    knowledge_search,
    sharing,
    synced_folders,
    transfer,
)

app_name = "knowledge"

urlpatterns = [
    path("", knowledge.knowledge_list, name="list"),
    path("create/", knowledge.create, name="create"),
    path("import/", transfer.take_in, name="import"),
    path("<uuid:uuid>/", knowledge.knowledge, name="knowledge"),
    path("<uuid:uuid>/describe/", knowledge.describe, name="describe"),
    path("<uuid:uuid>/delete/", knowledge.delete, name="delete"),
    path("<uuid:uuid>/search/", knowledge_search.search, name="search"),
    path("<uuid:uuid>/questions/", golden.questions, name="questions"),
    path("<uuid:uuid>/questions/run/", golden.run, name="run_questions"),
    path("<uuid:uuid>/questions/new/", golden.new, name="new_question"),
    path("<uuid:uuid>/questions/import/", golden.take_in, name="import_questions"),
    path("<uuid:uuid>/questions/export.<str:form>", golden.export, name="export_questions"),
    path("<uuid:uuid>/questions/<uuid:question_uuid>/", golden.change, name="question"),
    path("<uuid:uuid>/questions/<uuid:question_uuid>/delete/", golden.delete, name="delete_question"),
    path("<uuid:uuid>/upload/", knowledge_documents.upload, name="upload"),
    path("<uuid:uuid>/add/", knowledge_documents.candidates, name="candidates"),
    path("<uuid:uuid>/documents/add/", knowledge_documents.add, name="add"),
    path("<uuid:uuid>/documents/move/", knowledge_documents.move, name="move"),
    path("<uuid:uuid>/documents/remove/", knowledge_documents.remove, name="remove"),
    path("<uuid:uuid>/documents/reindex/", knowledge_documents.reindex, name="reindex"),
    path("<uuid:uuid>/folders/create/", knowledge_documents.create_folder, name="create_folder"),
    path("<uuid:uuid>/folders/rename/", knowledge_documents.rename_folder, name="rename_folder"),
    path("<uuid:uuid>/folders/delete/", knowledge_documents.delete_folder, name="delete_folder"),
    path("<uuid:uuid>/server-folders/", synced_folders.synced_folders, name="synced_folders"),
    path("<uuid:uuid>/server-folders/connect/", synced_folders.connect, name="connect_folder"),
    path("<uuid:uuid>/server-folders/<uuid:folder_uuid>/pause/", synced_folders.pause, name="pause_folder"),
    path("<uuid:uuid>/server-folders/<uuid:folder_uuid>/resume/", synced_folders.resume, name="resume_folder"),
    path("<uuid:uuid>/server-folders/<uuid:folder_uuid>/rescan/", synced_folders.rescan, name="rescan_folder"),
    path(
        "<uuid:uuid>/server-folders/<uuid:folder_uuid>/disconnect/", synced_folders.disconnect, name="disconnect_folder"
    ),
    path("<uuid:uuid>/export/", transfer.export, name="export"),
    path("<uuid:uuid>/imports/<uuid:import_uuid>/", transfer.report, name="report"),
    path("<uuid:uuid>/imports/<uuid:import_uuid>/stop/", transfer.stop, name="stop_import"),
    path("<uuid:uuid>/share/", sharing.share, name="share"),
    path("<uuid:uuid>/grants/", sharing.grant, name="grant"),
    path("<uuid:uuid>/grants/<uuid:grant_uuid>/revoke/", sharing.revoke, name="revoke"),
]
