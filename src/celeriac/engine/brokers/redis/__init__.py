"""Broker and store on Redis or Valkey."""
