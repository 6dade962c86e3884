"""One module for each kind of server that makes pictures; `webui.imagery.types.Backend` is what they have in common."""
