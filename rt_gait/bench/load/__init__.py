"""What a gait model gives under load: on a Triton server, or in this process."""
