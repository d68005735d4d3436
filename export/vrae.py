"""Export a VRAE: python -m export.vrae RUN --out models"""

from export.declare.latent import signatures
from export.make.command import main

if __name__ == "__main__":
    main("vrae", signatures)
