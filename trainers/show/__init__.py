"""What there is to look at and to listen to: pictures, films, tunes, TensorBoard."""
