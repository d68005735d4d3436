"""How models learn: the command line, the loop, one step, replicas, checkpoints, what is said meanwhile."""
