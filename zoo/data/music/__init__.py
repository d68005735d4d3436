"""Piano rolls: whole pieces, each of its own length. Those that are cut to one length are read as pictures are."""
