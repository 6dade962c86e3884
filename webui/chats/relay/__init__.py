"""What goes between pages and the server: the events, read, numbered and sent on, and who may hear them."""
