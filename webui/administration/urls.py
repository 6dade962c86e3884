from __future__ import annotations

from django.urls import path

from webui.administration.views import connections, health, home, models, people, settings

app_name = "administration"
urlpatterns = [
    path("", home.home, name="home"),
    path("people/", people.people, name="people"),
    path("people/<uuid:person_uuid>/role/", people.change_role, name="change_role"),
    path("people/<uuid:person_uuid>/suspend/", people.suspend, name="suspend"),
    path("people/<uuid:person_uuid>/reinstate/", people.reinstate, name="reinstate"),
    path("people/<uuid:person_uuid>/password/", people.new_password, name="new_password"),
    path("people/<uuid:person_uuid>/delete/", people.delete, name="delete"),
    path("connections/", connections.connections, name="connections"),
    path("connections/add/", connections.add_connection, name="add_connection"),
    path("connections/state/<slug:prefix>/", connections.connection_state, name="connection_state"),
    path("connections/<uuid:connection_uuid>/", connections.edit_connection, name="edit_connection"),
    path("connections/<uuid:connection_uuid>/enable/", connections.enable_connection, name="enable_connection"),
    path("connections/<uuid:connection_uuid>/disable/", connections.disable_connection, name="disable_connection"),
    path("connections/<uuid:connection_uuid>/delete/", connections.delete_connection, name="delete_connection"),
    path("models/", models.models, name="models"),
    path("models/list/", models.model_list, name="model_list"),
    path("models/load/", models.load_model, name="load_model"),
    path("models/unload/", models.unload_model, name="unload_model"),
    path("models/delete/", models.delete_model, name="delete_model"),
    path("models/stores/", models.found_stores, name="found_stores"),
    path("models/attach/", models.attach, name="attach"),
    path("models/pull/", models.pull, name="pull"),
    path("models/downloads/", models.downloads, name="downloads"),
    path("models/downloads/<uuid:download_uuid>/cancel/", models.cancel_download, name="cancel_download"),
    path("models/downloads/<uuid:download_uuid>/remove/", models.remove_download, name="remove_download"),
    path("settings/", settings.settings, name="settings"),
    path("settings/<slug:name>/", settings.change, name="change_setting"),
    path("settings/<slug:name>/reset/", settings.reset, name="reset_setting"),
    path("health/", health.page, name="health"),
]
