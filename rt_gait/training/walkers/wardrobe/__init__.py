"""What changes between sessions: clothes, shoes, hair, hats, and things carried."""
