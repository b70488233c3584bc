"""Silhouettes at scale: many views of one walk at once, in torch, on any device."""
