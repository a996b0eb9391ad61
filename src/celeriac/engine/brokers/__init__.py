"""Brokers move jobs; stores remember them."""
