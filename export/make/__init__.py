"""What leaves: SavedModel, LiteRT files, model card."""
