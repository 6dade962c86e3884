"""From file to text with pages. What reads a file runs in a bounded child process: `python -m rag.extraction`.

`child` starts it, from the web process; everything else here runs inside it and imports no Django.
"""

from __future__ import annotations
