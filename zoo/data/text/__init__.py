"""Text: by name, its words as numbers, how much of it is kept, streams in lanes, sequences of unequal length."""
