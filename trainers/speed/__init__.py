"""What the benchmark measures with."""
