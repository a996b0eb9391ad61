"""Shows what the demo's post office received."""
