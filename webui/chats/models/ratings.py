"""What people think of answers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webui.chats.models.messages import Message

COMMENT_MAX_LENGTH = 1000


class GoodReason(models.TextChoices):
    CORRECT = "correct", _("Correct")
    COMPLETE = "complete", _("Complete")
    CLEAR = "clear", _("Easy to follow")
    SUPPORTED = "supported", _("Well supported")


class BadReason(models.TextChoices):
    WRONG = "wrong", _("Not correct")
    INVENTED = "invented", _("Made up")
    BESIDE_THE_QUESTION = "beside_the_question", _("Beside the question")
    INCOMPLETE = "incomplete", _("Something is missing")
    LONG = "long", _("Too long")
    FORM = "form", _("Wrong language or form")
    HARMFUL = "harmful", _("Harmful")


class Rating(models.Model):
    """What somebody thinks of an answer. It goes with the answer, and leaves this server only as an export."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="ratings")
    rated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    is_good = models.BooleanField()
    # Of GoodReason or BadReason, as `is_good` says.
    reasons = models.JSONField(default=list, blank=True)
    comment = models.CharField(max_length=COMMENT_MAX_LENGTH, blank=True)
    rated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "rated_by"], name="chats_rating_one_per_person"),
        ]

    def __str__(self) -> str:
        return f"{'good' if self.is_good else 'bad'} rating of message {self.message_id}"
