"""Trains the tokenizer on generated samples and writes the files of the model folder that do not depend on weights.

usage: tokenizer.py FOLDER
"""
import json
import random
import re
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from data import sample
from model import CONFIG

SPECIAL = ("<|pad|>", "<|bos|>", "<|eos|>", "<|user|>", "<|assistant|>", "<|system|>")
THINK = ("<think>", "</think>")  # added but not special: the reasoning must survive decoding
# Words, single digits, punctuation with the line ends that follow it, line ends, spaces.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def pieces():
    """The text of generated samples between the added tokens, which take no part in merges."""
    r = random.Random("tokenizer")
    added = "|".join(re.escape(token) for token in SPECIAL + THINK)
    for _ in range(20000):
        yield from filter(None, re.split(added, "".join(sample(r))))


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"] - len(THINK),
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(pieces(), trainer)
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in THINK])
    return tokenizer


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main():
    folder = Path(sys.argv[1])
    tokenizer = train()
    tokenizer.save(str(folder / "tokenizer.json"))
    decoder = {
        str(tokenizer.token_to_id(token)): {
            "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": token in SPECIAL,
        }
        for token in SPECIAL + THINK
    }
    limits = {"model_max_length": CONFIG["max_position_embeddings"]}
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": False, "added_tokens_decoder": decoder, "additional_special_tokens": list(SPECIAL[3:]),
        "bos_token": "<|bos|>", "clean_up_tokenization_spaces": False, "eos_token": "<|eos|>", "pad_token": "<|pad|>",
        "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": None, **limits,
    })
    write_json(folder / "generation_config.json", {
        "bos_token_id": 1, "do_sample": False, "eos_token_id": [2], "max_new_tokens": 512, "pad_token_id": 0,
        "temperature": 0.0,
    })
    write_json(folder / "config.json", CONFIG)
    print(f"{tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
