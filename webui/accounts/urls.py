from __future__ import annotations

from allauth.account import views as allauth_views
from django.urls import include, path

from webui.accounts import views

accounts = [
    path("waiting/", views.pending, name="pending"),
    path("profile/", views.profile, name="profile"),
    path("profile/theme/", views.theme, name="theme"),
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
