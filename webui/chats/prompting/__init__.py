"""From a branch to what a model is sent. The words of strangers are made harmless here."""
