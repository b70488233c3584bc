"""Finding and cutting out people."""
