"""Extends the tokenizer by merges learned from generated samples, and writes the files that do not depend on weights.

usage: tokenizer.py FOLDER

Tokens that exist keep their ids and their merges. New merges come after them, and none is of a pair that occurs in
`KEPT`, the words that the tokenizer was trained on at first: what it did before, it does as before. Digits stay single.
"""
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from conversations import KINDS, draw, problem, segments, talk

HOME = Path(__file__).resolve().parent.parent
SIZE = 1024
SPECIAL = ("<|pad|>", "<|bos|>", "<|eos|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>")
MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tools>", "</tools>")  # added but not special
MADE_UP_RARELY = 40  # a word that is seen less often than this is likely made up, and teaches no merge


def words(tokenizer, texts):
    """How often each word, a tuple of tokens, occurs in texts between added tokens."""
    added, result = re.compile("|".join(re.escape(token) for token in SPECIAL + MARKS)), Counter()
    for text in texts:
        for piece in filter(None, added.split(text)):
            encoded = tokenizer.encode(piece, add_special_tokens=False)
            word, parts = -1, []
            for token, index in zip(encoded.tokens, encoded.word_ids):
                if index != word:
                    if parts:
                        result[tuple(parts)] += 1
                    word, parts = index, []
                parts.append(token)
            if parts:
                result[tuple(parts)] += 1
    return result


def pairs_of(word):
    return zip(word, word[1:])


def merged(word, pair):
    result, at = [], 0
    while at < len(word):
        if word[at : at + 2] == pair:
            result.append("".join(pair))
            at += 2
        else:
            result.append(word[at])
            at += 1
    return tuple(result)


def merges(counts, kept, vocabulary, room):
    """The next merges of byte-pair encoding, most frequent first."""
    counts = {word: count for word, count in counts.items() if len(word) > 1 and count >= MADE_UP_RARELY}
    kept, result = [word for word in kept if len(word) > 1], []
    while len(result) < room:
        frequency = Counter()
        for word, count in counts.items():
            for pair in pairs_of(word):
                frequency[pair] += count
        refused = {pair for word in kept for pair in pairs_of(word)}
        pair = next((p for p, _ in frequency.most_common() if p not in refused and "".join(p) not in vocabulary), None)
        if pair is None or frequency[pair] < 2 * MADE_UP_RARELY:
            break
        result.append(pair)
        vocabulary.add("".join(pair))
        counts = {merged(word, pair): count for word, count in counts.items()}
    return result


def extend(tokenizer):
    r = random.Random("tokenizer")
    text = lambda c: "".join(part for part, _ in segments(c))
    first = (problem(r, kind, unseen=r.random() < 0.5) for kind in ("cage", "legs", "chain") * 4000)
    kept = words(tokenizer, map(text, first))
    kept = {word for word, count in kept.items() if count >= 100}
    counts = words(tokenizer, (text(draw(r)) for _ in range(40000)))
    state = json.loads(tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    added = [token for token in SPECIAL + MARKS if tokenizer.token_to_id(token) is None]
    room = SIZE - tokenizer.get_vocab_size() - len(added)
    new = merges(counts, kept, set(vocabulary), room)
    following = tokenizer.get_vocab_size()
    for at, token in enumerate(["".join(pair) for pair in new] + added):
        vocabulary[token] = following + at
    # Added tokens have the ids that the vocabulary gives them, and otherwise those after its size.
    vocabulary |= {token: tokenizer.token_to_id(token) for token in MARKS if token not in added}
    state["model"]["merges"] += [list(pair) for pair in new]
    result = Tokenizer.from_str(json.dumps(state))
    special = lambda token: AddedToken(token, special=token in SPECIAL, normalized=False)
    result.add_special_tokens([special(token) for token in added if token in SPECIAL])
    result.add_tokens([special(token) for token in added if token not in SPECIAL])
    return result


def parts(tokenizer, known):
    """For every token from the id `known` on, those before it that it was merged from; none for added tokens."""
    merged_from = {"".join(pair): pair for pair in json.loads(tokenizer.to_str())["model"]["merges"]}

    def before(token):
        id = tokenizer.token_to_id(token)
        return [id] if id < known else [part for half in merged_from.get(token, ()) for part in before(half)]

    return {id: before(tokenizer.id_to_token(id)) for id in range(known, tokenizer.get_vocab_size())}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main():
    folder = Path(sys.argv[1])
    before = Tokenizer.from_file(str(HOME / "tokenizer.json"))
    assert before.get_vocab_size() < SIZE, "it has been extended already"
    tokenizer = extend(before)
    tokenizer.save(str(folder / "tokenizer.json"))
    decoder = {
        str(tokenizer.token_to_id(token)): {
            "content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": token in SPECIAL,
        }
        for token in sorted(SPECIAL + MARKS, key=tokenizer.token_to_id)
    }
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": False, "added_tokens_decoder": decoder, "additional_special_tokens": list(SPECIAL[3:]),
        "bos_token": "<|bos|>", "clean_up_tokenization_spaces": False, "eos_token": "<|eos|>", "pad_token": "<|pad|>",
        "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": None, "model_max_length": 4096,
    })
    print(f"{tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
