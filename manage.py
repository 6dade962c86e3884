#!/usr/bin/env python
"""Hearth's command line. Installed as `hearth`."""

from __future__ import annotations

from webui.config.cli import main

if __name__ == "__main__":
    main()
