"""Pieces of words, learned from texts by byte pair encoding (Sennrich et al. 2016) with the library sentencepiece.

How a text falls into them follows from the list of pieces alone: `zoo.nn.words` does the same in a graph.
"""

import io

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from zoo.nn.spelling import MARK, unmarked
from zoo.nn.words import LONGEST

COUNT = 8000  # pieces, where a model does not say how many
CHARACTERS = 10  # of a piece, at most


def learned(texts, count=None):
    """Pieces of texts, as many as `count` or as can be found: those that come of joining others, the earliest first,
    and all characters. Raises ValueError for a count below that of characters."""
    model, texts = io.BytesIO(), [unmarked(text) for text in texts]
    count, characters = COUNT if count is None else count, {*MARK, *"".join(texts)} - {" "}
    if count < len(characters):
        raise ValueError(
            f"vocabulary: got room for {count} pieces, the texts have {len(characters)} characters; raise it"
        )
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=count + 1,  # with its own unknown piece
        hard_vocab_limit=False,
        max_sentencepiece_length=CHARACTERS,
        character_coverage=1.0,
        normalization_rule_name="identity",
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    found = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = (found.id_to_piece(k) for k in range(1, found.get_piece_size()))
    return tuple(piece for piece in pieces if len(piece.encode()) <= LONGEST)


def splitter(pieces):
    """A function that tells of a text its pieces; a character that is none stands alone."""
    model, known = sentencepiece_model_pb2.ModelProto(), set(pieces)
    model.trainer_spec.model_type = model.trainer_spec.BPE
    model.normalizer_spec.name = "identity"
    model.pieces.add(piece="<unk>", score=0, type=model.SentencePiece.UNKNOWN)
    for rank, piece in enumerate(pieces):
        model.pieces.add(piece=piece, score=-rank)
    split = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    return lambda text: [
        each for piece in split.encode(unmarked(text), out_type=str) for each in ([piece] if piece in known else piece)
    ]
