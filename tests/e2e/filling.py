"""`python -m tests.e2e.filling EMAIL`: fill a site with one of everything of a person's; print the ids.

Runs beside the processes of the site, with their environment.
"""

from __future__ import annotations

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "webui.config.settings"
django.setup()

import json  # noqa: E402
import sys  # noqa: E402

from tests.factories import make_answer, make_message  # noqa: E402
from tests.permissions.world import PLAIN, make_world  # noqa: E402
from webui.accounts.models import User  # noqa: E402
from webui.chats.models import Chat  # noqa: E402

ANSWER = """\
## A heading

Some **strong** words, a [link](https://example.org/), `code`, and $a^2 + b^2 = c^2$.

| Name | Height |
| --- | ---: |
| Old | 31 m |

```python
def light(seconds: float) -> None:
    print("on")  # for a while
```

- [x] one
- [ ] two

> A quotation, and a formula:

$$\\int_0^1 x^2\\,dx = \\frac13$$
"""


def main() -> None:
    owner = User.objects.get(email=sys.argv[1])
    world = make_world(owner, words=PLAIN)
    make_message(world.chat, content="Show me all that you can.")
    make_answer(world.chat, content=ANSWER)
    make_message(world.chat, content="And once more?")
    make_answer(world.chat, content="", state="failed", error_code="internal")
    link = Chat.objects.get(pk=world.chat.pk).share_link
    print(json.dumps([*world.outer_ids(), str(link.uuid)]))  # noqa: T201


if __name__ == "__main__":
    main()
