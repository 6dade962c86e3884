"""Folders of this server whose files a knowledge follows: where they may lie, how a file is opened, what is kept of it.

Every name is opened relative to an open folder and never through a link, so that what was checked is what is read. What
a look has found is noted in `SyncedFile` rows first; copying, exchanging and removing go by these rows, so that after a
restart it goes on where the last process ended. Documents to which no row refers any more are swept away last.
"""

from __future__ import annotations
