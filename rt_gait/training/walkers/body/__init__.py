"""Bodies: adults sized to published anthropometry, as one mesh on a skeleton."""
