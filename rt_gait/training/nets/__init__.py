"""Our gait networks: their layers, how they are trained, exported, pruned and quantised."""
