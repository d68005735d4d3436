"""Where runs, weights and caches lie on the disk, and how they are read."""
