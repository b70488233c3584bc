"""From tracked people to gait embeddings."""
