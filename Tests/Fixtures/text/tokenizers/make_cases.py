"""Makes small tokenizers and what Hugging Face's `tokenizers` (0.23.3) does with them, as references for the tests.

    pip install tokenizers==0.23.3 && python make_cases.py [tokenizer.json of a model, to be copied as `tiny`]

Each folder holds `tokenizer.json` and `cases.json`: text, ids, ids with special tokens around them, and both decodings.
"""
import json
import pathlib
import random
import sys

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

HERE = pathlib.Path(__file__).parent
CORPUS = ["The quick brown fox jumps over the lazy dog, and 35 heads have 94 feet.", "雞兔同籠，上有三十五頭，下有九十四足。",
          "Grüße aus Köln! Ça va? Ελληνικά, русский язык и 12345 digits.", "don't we'll they're I'm it's   spaces\n\n\ttabs"] * 50

TEXTS = ["", " ", "  ", "a", "Hello world", " Hello", "don't DON'T we'll", "a\n\n\nb \n c\r\n", "12345 1 22 333", "x²½Ⅷ٣",
         "雞兔同籠: 35 頭, 94 足?", "e\u0301 é ñ n\u0303 A\u030a Å", "\u1100\u1161\u11a8 각", "ﬁ ① Ｆｕｌｌ ㎏", "a\u180eb\u00a0c\u2003d\u3000e\u0085f",
         "👩‍👩‍👧‍👦 🇩🇪 🤷🏽‍♀️", "<mask> a <mask>  b<mask>", "wordSINGLE SINGLE SINGLEword (SINGLE) SINGLE_", "  right   <r>   x<r> <r>y",
         "<s>hi</s> <s>", "norm NORM Norm café CAFÉ cafe\u0301", "tab\tend  ", "ÀÉÎ ſs Kelvin K 'S 'ſ", "\x00\x01\x7f", "a,b;c,,d..", "--x--",
         "zzz☃☃ǆ☃", "<0x41> <0x0A>", "ab" * 40, " " * 37, "\n" * 9, "\u0300x\u0300", "क्षि हिन्दी मराठी", "ไทยไม่เว้นวรรค", "العَرَبِيَّة 123"]


def random_texts(count):
    rng = random.Random(7)
    pools = ["abcdefgh THE the  ", "0123456789.,;-", "雞兔同籠頭足三十", "éüßñçàø\u0301\u0308", " \t\n\r\u00a0\u3000", "αβγδ жшщ", "🐔🐇👩‍\ufe0f", "'sdtlvm're"]
    return ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 60))) for _ in range(count)]


def byte_level(**options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(tokenizer, size=420, alphabet=None):
    alphabet = pre_tokenizers.ByteLevel.alphabet() if alphabet is None else alphabet
    unk = [tokenizer.model.unk_token] if tokenizer.model.unk_token else []
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=unk,
                                                             show_progress=False))
    return tokenizer


def prefix_space():
    """GPT-2's own splitting with a space put first, a template, and every property of added tokens."""
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    train(tokenizer)
    tokenizer.add_special_tokens(["<s>", "</s>", AddedToken("<mask>", lstrip=True)])
    tokenizer.add_tokens([AddedToken("SINGLE", single_word=True), AddedToken("<r>", rstrip=True), AddedToken("SINGLE 2")])
    bos, eos = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", bos), ("</s>", eos)])])
    return tokenizer


def sentence_piece():
    """Characters instead of bytes, with byte tokens for what is missing."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    train(tokenizer, 300, [])
    model = json.loads(tokenizer.to_str())["model"]
    vocab = model["vocab"] | {f"<0x{b:02X}>": len(model["vocab"]) + b for b in range(256)}
    tokenizer.model = models.BPE(vocab, [tuple(m) for m in model["merges"]], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    return tokenizer


def unknown():
    """Characters with an unknown token, not fused."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Digits(individual_digits=False)
    train(tokenizer, 200, [])
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def splits():
    """Every way of cutting, after normalizers that change the text; a token that no merges lead to."""
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(),
                                                 normalizers.Replace(Regex(r"\s{2,}"), " ")])
    split = pre_tokenizers.Split
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        split(",", "merged_with_previous"), split("-", "merged_with_next"), split(";", "removed"), split(".", "contiguous"),
        split(Regex(r"[^\s]+"), "isolated", invert=True), pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train(tokenizer)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = model["vocab"] | {"kelvin": len(model["vocab"])}
    tokenizer.model = models.BPE(vocab, [tuple(m) for m in model["merges"]], ignore_merges=True)
    tokenizer.add_tokens([AddedToken("norm", normalized=True), AddedToken("é", normalized=False)])
    return tokenizer


def write(name, tokenizer):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    cases = []
    for text in TEXTS + random_texts(80):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        whole = tokenizer.encode(text, add_special_tokens=True).ids
        cases.append({"text": text, "ids": ids, "with_special_tokens": whole,
                      "decoded": tokenizer.decode(whole, skip_special_tokens=False),
                      "decoded_without_special_tokens": tokenizer.decode(whole, skip_special_tokens=True)})
    (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    for maker in [prefix_space, sentence_piece, unknown, splits]:
        write(maker.__name__, maker())
    if len(sys.argv) > 1:
        write("tiny", Tokenizer.from_file(sys.argv[1]))
