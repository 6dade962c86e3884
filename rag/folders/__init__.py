"""Folders of this server whose files a knowledge follows: where they may lie, what is in them, how a file is opened.

Nothing here asks the database. Every name is opened relative to an open folder and never through a link, so that what
was checked is what is read.
"""

from __future__ import annotations
