"""A page of results for people."""
