"""Where the features of a streaming network are better kept."""
