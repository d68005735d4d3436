"""What a model offers: signatures and their inputs."""
