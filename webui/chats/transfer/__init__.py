"""Chats out of this server and into it: bundles of all of them, single ones as files, and what other programs export.

Whatever comes in is read into the shapes of `shapes` first, whoever wrote it; `services.imports` alone makes rows of
them. What goes out is read from the rows by `bundle` and `papers`.
"""
