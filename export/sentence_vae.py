"""Export a sentence VAE or its language model: python -m export.sentence_vae RUN --out models"""

from export.declare.writing import signatures
from export.make.command import main

if __name__ == "__main__":
    main("sentence_vae", signatures)
