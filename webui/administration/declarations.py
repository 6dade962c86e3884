"""The settings that an administrator may change while the site runs, each declared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One setting.

    Attributes:
        variable: The environment variable that pins the value; empty when there is none.
        choices: (value, label) pairs; empty for free text.
    """

    name: str
    label: _StrPromise
    help: _StrPromise
    default: str
    variable: str = ""
    choices: Sequence[tuple[str, _StrPromise]] = ()
    max_length: int = 500

    def in_words(self, value: str | None) -> str:
        """Return a value as people read it; None is the default."""
        if value is None:
            return gettext("Default: %(value)s") % {"value": self.in_words(self.default)}
        return str(dict(self.choices).get(value, value)) or gettext("Empty")


DECLARATIONS = (
    Declaration(
        name="signup",
        label=_("Who may sign up"),
        help=_("What happens when somebody new creates an account."),
        default="approval",
        variable="HEARTH_SIGNUP",
        choices=(
            ("open", _("Everybody, at once")),
            ("approval", _("Everybody, after an administrator has approved")),
            ("closed", _("Nobody")),
        ),
    ),
    Declaration(
        name="new_models",
        label=_("New models"),
        help=_("Who may use a model until you say so on its own page."),
        default="open",
        variable="HEARTH_NEW_MODELS",
        choices=(("open", _("Everybody")), ("closed", _("Administrators, until it is shared"))),
    ),
    Declaration(
        name="web_pages",
        label=_("Web pages in chats"),
        help=_(
            "Whether people may bring a page by typing # and its address. This server then fetches it; machines of its"
            " own network are never asked."
        ),
        default="on",
        variable="HEARTH_WEB_PAGES",
        choices=(("on", _("Fetched when somebody asks for one")), ("off", _("Never fetched"))),
    ),
    Declaration(
        name="pictures",
        label=_("Pictures"),
        help=_(
            "Whether people may have pictures made in a chat, with the connections for pictures. Each connection says"
            " which groups may use it."
        ),
        default="on",
        variable="HEARTH_PICTURES",
        choices=(("on", _("Made where a connection allows it")), ("off", _("Never made"))),
    ),
    Declaration(
        name="whole_documents",
        label=_("Short documents"),
        help=_(
            "When all that a question may draw on fits into half of what a model reads at once, the model can have it"
            " from beginning to end. It can then sum up as well; the first answer takes longer to begin."
        ),
        default="on",
        variable="HEARTH_WHOLE_DOCUMENTS",
        choices=(("on", _("Given whole when they fit")), ("off", _("Always the passages that fit the question best"))),
    ),
    Declaration(
        name="answer_ratings",
        label=_("Ratings of answers"),
        help=_(
            "Whether people can say that an answer is good or bad, and why. Ratings stay on this server; administrators"
            " can export rated answers with the conversation above them, without names. Switched off, those that are"
            " there stay."
        ),
        default="on",
        variable="HEARTH_ANSWER_RATINGS",
        choices=(("on", _("People can rate answers")), ("off", _("Nobody is asked"))),
    ),
    Declaration(
        name="public_links",
        label=_("Chats for everybody"),
        help=_(
            "Whether people may share a chat with everybody who has its address, without an account. Switched off, such"
            " links lead nowhere for strangers until it is on again; people with an account keep what they were given."
        ),
        default="off",
        variable="HEARTH_PUBLIC_LINKS",
        choices=(("off", _("Only for people with an account")), ("on", _("Also for everybody, if the owner wants it"))),
    ),
    Declaration(
        name="afterthoughts",
        label=_("Titles, suggestions and tags"),
        help=_(
            "Whether a model that has answered may then be asked for a title of the chat, for questions to go on with,"
            " and for tags. Each person chooses which. It happens when nobody waits, costing some tokens."
        ),
        default="on",
        variable="HEARTH_AFTERTHOUGHTS",
        choices=(("on", _("People can have them")), ("off", _("Models are asked for answers only"))),
    ),
    Declaration(
        name="browser_dictation",
        label=_("Dictation by browsers"),
        help=_(
            "Whether a browser may write down what people say while no server for dictation is entered under Voice."
            " Some browsers send the sound to their maker for that."
        ),
        default="on",
        variable="HEARTH_BROWSER_DICTATION",
        choices=(("on", _("Offered where the browser can")), ("off", _("Never"))),
    ),
    Declaration(
        name="audit_days",
        label=_("Audit log"),
        help=_("How long it is kept who did what to the site, when and from which address."),
        default="365",
        variable="HEARTH_AUDIT_DAYS",
        choices=(
            ("30", _("30 days")),
            ("90", _("90 days")),
            ("365", _("One year")),
            ("1095", _("Three years")),
            ("0", _("For ever")),
        ),
    ),
    Declaration(
        name="waiting_note",
        label=_("Note on the waiting page"),
        help=_("Read by people who wait for approval: say whom they can ask."),
        default="",
    ),
)
BY_NAME = {declaration.name: declaration for declaration in DECLARATIONS}
