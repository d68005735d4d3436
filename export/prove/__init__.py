"""The proof, outside our Python, that what leaves answers like Keras."""
