"""Addresses of the chat page."""

from __future__ import annotations

from django.urls import path

from webui.chats.views import (
    actions,
    chat_options,
    folders,
    golden,
    messages,
    pages,
    rating_exports,
    ratings,
    traces,
    web_pages,
)

app_name = "chats"
urlpatterns = [
    path("", pages.new_chat, name="new"),
    path("chats/", pages.chat_list, name="list"),
    path("chats/welcome/", pages.welcome, name="welcome"),
    path("chats/pages/", web_pages.fetch_page, name="fetch_page"),
    path("chats/options/", chat_options.new_chat_options, name="new_options"),
    path("chats/<uuid:uuid>/", pages.chat, name="chat"),
    path("chats/<uuid:uuid>/options/", chat_options.chat_options, name="options"),
    path("chats/<uuid:uuid>/rename/", actions.rename, name="rename"),
    path("chats/<uuid:uuid>/delete/", actions.delete, name="delete"),
    path("chats/<uuid:uuid>/undo-delete/", actions.undo_delete, name="undo_delete"),
    path("chats/<uuid:uuid>/move/", folders.move, name="move"),
    path("chats/<uuid:uuid>/siblings/<uuid:message_uuid>/", actions.show_sibling, name="show_sibling"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/", messages.message, name="message"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/text/", messages.message_text, name="message_text"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/info/", messages.message_info, name="message_info"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/keep/", golden.keep_question, name="keep_question"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/rating/", ratings.rating, name="rating"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/rating/why/", ratings.explain_rating, name="explain_rating"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/rating/remove/", ratings.remove_rating, name="remove_rating"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/trace/", traces.trace, name="trace"),
    path("chats/<uuid:uuid>/messages/<uuid:message_uuid>/trace.json", traces.trace_json, name="trace_json"),
    path("ratings/", rating_exports.ratings, name="ratings"),
    path("ratings/export/", rating_exports.export, name="export_ratings"),
    path("ratings/everybody/", rating_exports.all_ratings, name="all_ratings"),
    path("ratings/everybody/export/", rating_exports.export_all, name="export_all_ratings"),
    path("folders/", folders.create, name="create_folder"),
    path("folders/<uuid:uuid>/", folders.folder, name="folder"),
    path("folders/<uuid:uuid>/chats/", folders.folder_chats, name="folder_chats"),
    path("folders/<uuid:uuid>/sources/", folders.sources, name="folder_sources"),
    path("folders/<uuid:uuid>/rename/", folders.rename, name="rename_folder"),
    path("folders/<uuid:uuid>/instructions/", folders.instruct, name="instruct_folder"),
    path("folders/<uuid:uuid>/open/", folders.open_folder, name="open_folder"),
    path("folders/<uuid:uuid>/add/", folders.add, name="add_to_folder"),
    path("folders/<uuid:uuid>/take-out/", folders.take_out, name="take_out_of_folder"),
    path("folders/<uuid:uuid>/upload/", folders.upload, name="upload_to_folder"),
    path("folders/<uuid:uuid>/delete/", folders.delete, name="delete_folder"),
    path("folders/<uuid:uuid>/undo-delete/", folders.undo_delete, name="undo_delete_folder"),
]
