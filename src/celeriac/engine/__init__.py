"""The engine: private. Jobs, brokers, workers and keepers; knows nothing of the public names that sit on top of it."""
