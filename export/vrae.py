"""Export a VRAE: python -m export.vrae RUN --out models"""

from export.command import main
from export.latent import signatures

if __name__ == "__main__":
    main("vrae", signatures)
