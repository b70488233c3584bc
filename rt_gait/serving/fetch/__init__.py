"""Bringing a model into the repository: an archive is downloaded, read, checked, moved in."""
