"""What a paper's own figures need beside the model: classifiers that look at samples, baselines that must be beaten."""
