"""Words to fill chats with.

They are made up, a few of them common and most of them rare, as in a language; a quarter of the messages is in Chinese
characters, as unevenly.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate

_N_WORDS = 8000
_WORDS_PER_MESSAGE = 100
_HAN_PER_MESSAGE = 200
_ANSWER = """It depends on {0}:

- {1}, as `{2}()` shows
- {3}, where $x^2 + y^2 = z^2$

```python
def {0}({1}: int) -> int:
    return {1} + 1
```

{4}"""


class Language:
    """Made-up words and characters, the first ones far more common than the last, the same in every run."""

    def __init__(self) -> None:
        self._random = random.Random(1)  # noqa: S311  (not for secrets)
        letters = "abcdefghijklmnopqrstuvwxyz"
        words = ("".join(self._random.choices(letters, k=self._random.randint(3, 9))) for _ in range(_N_WORDS))
        self.words = list(dict.fromkeys(words))
        self.han = [chr(0x4E00 + number) for number in range(2500)]
        # How often a word of a rank or one before it is said; as many ranks as there are words.
        self._said = list(accumulate(1 / (rank + 2) for rank in range(_N_WORDS)))

    def some(self, kind: Sequence[str], number: int) -> list[str]:
        return self._random.choices(kind, cum_weights=self._said[: len(kind)], k=number)

    def message(self) -> str:
        if self._random.random() < 0.25:
            return "".join(self.some(self.han, _HAN_PER_MESSAGE))
        return " ".join(self.some(self.words, _WORDS_PER_MESSAGE))

    def answer(self) -> str:
        return _ANSWER.format(*self.some(self.words, 4), self.message())
