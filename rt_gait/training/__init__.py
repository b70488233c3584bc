"""Offline work: synthetic walkers, and training, evaluation and export of our networks.

Nothing here is imported by the running pipeline. Torch and other training-only libraries are
imported inside the modules that need them, so importing this package stays cheap.
"""
