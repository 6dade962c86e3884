from __future__ import annotations

from django.urls import path

from webui.documents.views import chunks, documents

app_name = "documents"

urlpatterns = [
    path("", documents.document_list, name="list"),
    path("upload/", documents.upload, name="upload"),
    path("search/", documents.search, name="search"),
    path("<uuid:uuid>/", documents.document, name="document"),
    path("<uuid:uuid>/status/", documents.status, name="status"),
    path("<uuid:uuid>/passage/", documents.passage, name="passage"),
    path("<uuid:uuid>/chunks/", chunks.chunks, name="chunks"),
    path("<uuid:uuid>/chunks/<int:position>/", chunks.chunk, name="chunk"),
    path("<uuid:uuid>/pages/<int:number>/<int:width>/", documents.page_image, name="page_image"),
    path("<uuid:uuid>/file/", documents.file, name="file"),
    path("<uuid:uuid>/stop/", documents.stop, name="stop"),
    path("<uuid:uuid>/retry/", documents.retry, name="retry"),
    path("<uuid:uuid>/fetch-again/", documents.fetch_again, name="fetch_again"),
    path("<uuid:uuid>/delete/", documents.delete, name="delete"),
]
