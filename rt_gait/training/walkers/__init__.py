"""Synthetic walkers: bodies, recorded gait, clothes, cameras and pictures with exact masks."""
