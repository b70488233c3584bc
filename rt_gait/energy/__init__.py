"""Energy: meters, integration over time, and what a piece of work cost."""
