from __future__ import annotations

from allauth.account import views as allauth_views
from django.urls import include, path

from webui.accounts import key_views, session_views, views

accounts = [
    path("waiting/", views.pending, name="pending"),
    path("profile/", views.profile, name="profile"),
    path("profile/theme/", views.theme, name="theme"),
    path("sessions/", session_views.session_list, name="sessions"),
    path("sessions/end/", session_views.end_others, name="end_other_sessions"),
    path("sessions/<int:pk>/end/", session_views.end, name="end_session"),
    path("keys/", key_views.key_list, name="keys"),
    path("keys/create/", key_views.create, name="create_key"),
    path("keys/<uuid:key_uuid>/revoke/", key_views.revoke, name="revoke_key"),
    path("language/", views.language, name="language"),
    path("profile/afterthoughts/", views.afterthoughts, name="afterthoughts"),
]

# allauth's own names, without its pages for e-mail verification and reset: no mail is sent here.
urlpatterns = [
    path("login/", views.SignInView.as_view(), name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("signup/", views.SignUpView.as_view(), name="account_signup"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("password/", views.ChangePasswordView.as_view(), name="account_change_password"),
    path("", include((accounts, "accounts"))),
]
