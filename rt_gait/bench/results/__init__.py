"""One form for everything that is measured, and what is made of it."""
