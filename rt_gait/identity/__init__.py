"""Who is walking: the gallery of enrolled people, the comparison with it, and votes over time."""
