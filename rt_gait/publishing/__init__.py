"""Sends an event log on to brokers and web addresses, in a process of its own."""
