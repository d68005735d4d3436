"""How models leave: SavedModels for TensorFlow Serving, LiteRT files for phones, proof that both equal Keras."""
