from __future__ import annotations

from django.urls import path

from webui.administration.views import health, home, people, settings

app_name = "administration"
urlpatterns = [
    path("", home.home, name="home"),
    path("people/", people.people, name="people"),
    path("people/<uuid:person_uuid>/role/", people.change_role, name="change_role"),
    path("people/<uuid:person_uuid>/suspend/", people.suspend, name="suspend"),
    path("people/<uuid:person_uuid>/reinstate/", people.reinstate, name="reinstate"),
    path("people/<uuid:person_uuid>/password/", people.new_password, name="new_password"),
    path("people/<uuid:person_uuid>/delete/", people.delete, name="delete"),
    path("settings/", settings.settings, name="settings"),
    path("settings/<slug:name>/", settings.change, name="change_setting"),
    path("settings/<slug:name>/reset/", settings.reset, name="reset_setting"),
    path("health/", health.page, name="health"),
]
