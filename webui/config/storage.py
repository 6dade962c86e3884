"""Static files with hashed names, also inside the imports of our own ES modules and style sheets."""

from __future__ import annotations

from typing import Any, ClassVar

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HearthStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it is not typed
    """Rewrites `import` in `js/` and `url()` in `css/` only.

    Packages' files are hashed as they are: minified code may hold text that looks like an import.
    """

    _css, *_ = CompressedManifestStaticFilesStorage.patterns
    _modules = CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns
    patterns: ClassVar[Any] = (("css/*.css", _css[1]), ("js/*.js", _modules[1]))
