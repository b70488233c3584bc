"""Colour video: scenes, light, backdrops, clips and training pictures with their truth."""
