"""How well models recognise people: metrics, protocols, reports. Needs no torch."""
