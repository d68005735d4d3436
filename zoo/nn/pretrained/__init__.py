"""Networks that have learned elsewhere."""
