"""`python -m inference.server`: the model server alone."""

from __future__ import annotations

from inference.server.process import main

if __name__ == "__main__":
    main()
