"""Search over titles and messages: from what is typed to the places where it stands."""
