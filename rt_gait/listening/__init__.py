"""HTTP for people and programs of this machine: how a run does, and what it sees."""
