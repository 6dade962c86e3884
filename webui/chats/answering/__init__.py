"""Running answers: each from its question to its end, told to the pages that watch."""
