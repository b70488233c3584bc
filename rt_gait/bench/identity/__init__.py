"""How well identity is told, and what each part of telling it is worth."""
