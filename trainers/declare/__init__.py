"""What a trainer says about its model."""
