"""Export a VAE: python -m export.vae RUN --out models"""

from export.command import main
from export.latent import signatures

if __name__ == "__main__":
    main("vae", signatures)
