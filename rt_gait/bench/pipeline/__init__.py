"""What the whole pipeline costs, frame by frame, and how late it is behind a camera."""
