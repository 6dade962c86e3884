"""A new knowledge out of a ZIP: one that `exports` made, one of texts alone (`name.pdf.txt`), or any other of files.

The archive is looked at and stored while its sender waits; its files are taken in afterwards, one transaction each, so
that after a restart it goes on with the next one and no document is ever without its knowledge. Nothing is unpacked
into a folder: an entry is copied to a nameless file of its own, checked, and taken in as an upload is.
"""

from __future__ import annotations
