"""Which model to deploy, and how to ask it: latency, energy, accuracy and size at once."""
