"""Names of numbers: ragged sequences of words, each with a digit to be told from it."""
