"""Where bodies run: in the child's main thread, in a pool of threads, or on an event loop."""
