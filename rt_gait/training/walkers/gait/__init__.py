"""Gait: recorded walks, the statistical model of walking, feet that stand still."""
