"""Segmentation noise: the errors of a real segmenter, measured, fitted and imitated."""
