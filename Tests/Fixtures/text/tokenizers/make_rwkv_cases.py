"""Makes a small vocabulary of RWKV's kind and what the package `rwkv` does with it, as references for the tests.

    pip install rwkv==0.8.32
    python make_rwkv_cases.py
"""
import importlib.util
import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent
# Without the rest of the package, which needs torch.
package = pathlib.Path(importlib.util.find_spec("rwkv").origin).parent
specification = importlib.util.spec_from_file_location("rwkv_tokenizer", package / "rwkv_tokenizer.py")
module = importlib.util.module_from_spec(specification)
specification.loader.exec_module(module)

CORPUS = ["The quick brown fox jumps over the lazy dog, and 35 heads have 94 feet.", "雞兔同籠，上有三十五頭，下有九十四足。",
          "Grüße aus Köln! Ça va? Ελληνικά, русский язык и 12345 digits.", "don't we'll they're I'm it's   spaces\n\n\ttabs"]
TEXTS = ["", " ", "  ", "a", "Hello world", " Hello", "don't DON'T we'll", "a\n\n\nb \n c\r\n", "12345 1 22 333",
         "雞兔同籠: 35 頭, 94 足?", "e\u0301 é ñ n\u0303 A\u030a Å", "👩‍👩‍👧‍👦 🇩🇪 🤷🏽‍♀️", "\\ \\n \\x41 \\\\", "'\"'\"", "\x00\x01\x7f",
         "ab" * 40, " " * 37, "\n" * 9, "The quick brown", "quick quic qui", "ไทยไม่เว้นวรรค", "العَرَبِيَّة 123"]


def vocabulary():
    """Every byte, pieces of the corpus that follow each other, parts of characters, and what is escaped in literals."""
    rng = random.Random(7)
    tokens = {bytes([byte]) for byte in range(256)}
    for text in CORPUS:
        for _ in range(60):
            start = rng.randrange(len(text))
            tokens.add(text[start:start + rng.randint(1, 8)].encode())
        data = text.encode()
        for _ in range(12):
            start = rng.randrange(len(data))
            tokens.add(data[start:start + rng.randint(2, 5)])
    tokens |= {b"\n\n", b"\r\n", b"\\n", b"\\x", b"\\\\", b"'\"", b"\"'", b"it's", b"\t\t", b"  ", b"    ", b"abab"}
    tokens |= {"\u00a0".encode(), "\u2003\u3000".encode(), "\U0001f469\u200d".encode(), "e\u0301".encode()}
    return sorted(tokens, key=lambda token: (len(token), token))


def literal(token):
    try:
        return repr(token.decode())
    except UnicodeDecodeError:
        return repr(token)


def random_texts(count):
    rng = random.Random(8)
    pools = ["abcdefgh THE the  ", "0123456789.,;-", "雞兔同籠頭足三十", "éüßñçàø\u0301\u0308", " \t\n\r\u00a0\u3000", "αβγδ жшщ", "\\'\"x4n"]
    texts = ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 60))) for _ in range(count)]
    return texts + ["".join(rng.choice(CORPUS)[rng.randrange(9):][:rng.randint(1, 30)] for _ in range(4)) for _ in range(count)]


folder = HERE / "rwkv_world"
folder.mkdir(exist_ok=True)
path = folder / "rwkv_vocab_v20230424.txt"
path.write_text("".join(f"{index} {literal(token)} {len(token)}\n" for index, token in enumerate(vocabulary(), 1)), encoding="utf-8")
end = {"0": {"content": "<|rwkv_tokenizer_end_of_text|>", "special": True}}
(folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": end, "eos_token": end["0"]["content"]}) + "\n")
tokenizer = module.TRIE_TOKENIZER(path)
cases = [{"text": text, "ids": tokenizer.encode(text), "decoded_without_special_tokens": text}
         for text in TEXTS + random_texts(40)]
assert all(tokenizer.decode(case["ids"]) == case["text"] for case in cases)
(folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")
# As llama.cpp's converter spells tokens in files of its own, from id 1 on.
(folder / "spellings.json").write_text(json.dumps([repr(token)[2:-1] for token in vocabulary()]) + "\n")
