"""Articles, who read them, and which were read most."""
