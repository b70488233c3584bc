"""rt-gait: recognise people by the way they walk, live, many at once, on an edge device."""

__version__ = "0.1.0"
