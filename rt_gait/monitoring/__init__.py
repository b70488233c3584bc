"""How a run is doing, for those who look after it: metrics, health, systemd."""
