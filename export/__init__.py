"""How models leave: SavedModels for TensorFlow Serving, LiteRT files for phones, and the proof that both equal Keras."""
