"""What a model is worth on a split: scores, judges, baselines."""
