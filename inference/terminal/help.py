"""What `/?` prints in a chat at the terminal."""

from __future__ import annotations

COMMANDS = (
    ("/set", "Set a parameter, the system message, and more"),
    ("/show", "Show what the model is, and what is set"),
    ("/load NAME", "Go on with another model, in a new chat"),
    ("/save NAME", "Save this chat and what is set as a model"),
    ("/list", "List the models"),
    ("/clear", "Forget what was said"),
    ("/bye", "Leave"),
    ("/? set", "Tell what can be set"),
    ("/? show", "Tell what can be shown"),
    ("/? keys", "Tell the keys"),
    ('"""', "Begin and end a text of several lines"),
)
SET = (
    ("/set parameter NAME VALUE", "An option such as num_ctx or temperature"),
    ("/set system TEXT", "The system message"),
    ("/set format json", "Let answers be JSON; or name a file with a JSON schema"),
    ("/set noformat", "Let answers be free again"),
    ("/set think [LEVEL]", "Let the model think first: low, medium or high, where it knows levels"),
    ("/set nothink", "Let it answer at once"),
    ("/set verbose", "Tell counts and rates after each answer"),
    ("/set quiet", "Do not"),
    ("/set history", "Keep the questions for the arrow keys of later chats"),
    ("/set nohistory", "Do not"),
    ("/set wordwrap", "Break lines between words"),
    ("/set nowordwrap", "Break them where the terminal ends"),
)
SHOW = (
    ("/show info", "Its shape and abilities"),
    ("/show license", "Its license"),
    ("/show modelfile", "Its Modelfile"),
    ("/show parameters", "Its options, and those that are set"),
    ("/show system", "The system message"),
    ("/show template", "Its template"),
)
KEYS = (
    ("Ctrl-C", "Stop the answer; clear what is typed"),
    ("Ctrl-D", "Leave"),
    ("Up, Down", "Earlier questions"),
    ("Ctrl-R", "Search earlier questions"),
    ("Ctrl-A, Ctrl-E", "To the beginning or the end of the line"),
    ("Alt-B, Alt-F", "One word back or forward"),
    ("Ctrl-K, Ctrl-U", "Cut what follows, or what comes before"),
    ("Ctrl-W", "Cut the word before"),
    ("Ctrl-L", "Clear the screen"),
)
TOPICS = {"": COMMANDS, "set": SET, "/set": SET, "show": SHOW, "/show": SHOW, "keys": KEYS, "shortcuts": KEYS}


def help_on(topic: str) -> str:
    """Return a line for each thing that a topic knows; the overview for a topic that there is not."""
    rows = TOPICS.get(topic.strip().lower(), COMMANDS)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)
