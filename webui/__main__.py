"""`python -m webui` is `hearth`, also where no script is installed."""

from __future__ import annotations

from webui.config.cli import main

if __name__ == "__main__":
    main()
