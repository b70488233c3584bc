"""Data sets of silhouette sequences, their reader, and checks of what is in them."""
