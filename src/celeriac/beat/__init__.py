"""Periodic tasks: how they are declared in code, kept in the table, and turned into jobs when they are due."""
