"""Export a VAE with a dilated decoder or its language model: python -m export.dilated_vae RUN --out models"""

from export.declare.writing import signatures
from export.make.command import main

if __name__ == "__main__":
    main("dilated_vae", signatures)
