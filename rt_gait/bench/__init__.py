"""Measurements: tracking quality, and the time each stage takes."""
