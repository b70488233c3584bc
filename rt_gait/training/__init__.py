"""Offline work: synthetic walkers, training, evaluation and export of the networks that rt-gait ships.

Nothing here is imported by the running pipeline. Torch and other training-only libraries are imported inside the
modules that need them, so importing this package stays cheap.
"""
