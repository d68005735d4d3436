"""Export a VAE: python -m export.vae RUN --out models"""

from export.declare.latent import signatures
from export.make.command import main

if __name__ == "__main__":
    main("vae", signatures)
