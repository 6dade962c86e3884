"""`python -m tests.e2e.filling EMAIL`: fill a site with one of everything of a person's.

Prints the ids of one of each kind, and those with the ids of what they are in before them.

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
from tests.permissions.world import PLAIN, make_world, parents_of  # noqa: E402
from webui.accounts.models import User  # noqa: E402

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
    shown = [
        world.private, world.private_document, world.private_preset, world.private_prompt, world.chat, world.folder,
        world.chat.share_link,
    ]  # fmt: skip
    parts = {type(row): row for row in world.rows if hasattr(row, "uuid")}.values()
    inner = [(str(parent.uuid), str(row.uuid)) for row in parts for parent in parents_of(row)]
    print(json.dumps([*([str(row.uuid)] for row in shown), *inner]))  # noqa: T201


if __name__ == "__main__":
    main()
