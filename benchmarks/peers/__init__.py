"""The systems that are measured, one adapter a module. Each runs in an environment of its own."""
