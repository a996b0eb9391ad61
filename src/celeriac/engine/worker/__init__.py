"""A running worker: master, template, keeper and children."""
