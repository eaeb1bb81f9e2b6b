"""Makes small tokenizers and what Hugging Face's `tokenizers`, `sentencepiece` and `tiktoken` do with them, as references
for the tests.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 tiktoken==0.13.0 protobuf
    python make_cases.py [tokenizer.json of a model, to be copied as `tiny`]

`make_rwkv_cases.py` makes those of RWKV.

Each folder holds the files of a tokenizer and `cases.json`: text, ids, and where they differ, ids with special tokens
around them; and what those ids decode to, with and without special tokens.
"""
import base64
import io
import json
import pathlib
import random
import sys

import sentencepiece
import tiktoken
from sentencepiece import sentencepiece_model_pb2
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


def train_unigram(tokenizer, size=300):
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=["<unk>"],
                                                                 show_progress=False))
    return tokenizer


def unigram():
    """A unigram model over words that start with a mark."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    train_unigram(tokenizer)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken("<s>", rstrip=True), AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("<mask>", tokenizer.token_to_id("<mask>")),
                                                            ("<s>", tokenizer.token_to_id("<s>")))
    return tokenizer


def unigram_bytes():
    """A unigram model over whole texts, with a SentencePiece table and byte tokens for what is missing."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Precompiled(character_map())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    train_unigram(tokenizer)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = [tuple(entry) for entry in model["vocab"]] + [(f"<0x{b:02X}>", -20.0) for b in range(256)]
    tokenizer.model = models.Unigram(vocab, unk_id=model["unk_id"], byte_fallback=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    tokenizer.add_special_tokens(["<s>"])
    return tokenizer


def classes():
    """Cutting by classes of characters, and the steps that are left."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Whitespace(),
        pre_tokenizers.CharDelimiterSplit("x"), pre_tokenizers.FixedLength(7),
        pre_tokenizers.Metaspace(prepend_scheme="never")])
    train(tokenizer, 260, [])
    return tokenizer


def spelled():
    """Bytes spelled before they are cut."""
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.ByteLevel()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("Ġ?[^Ġ]+"), "isolated")
    train(tokenizer)
    tokenizer.add_special_tokens([AddedToken("<mask>", normalized=True)])
    return tokenizer


def train_sentence_piece(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=520,
                                             hard_vocab_limit=False, byte_fallback=True, minloglevel=2, **options)
    return model.getvalue()


def character_map():
    """A small table of replacements, taken out of a SentencePiece model that was trained with it."""
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(train_sentence_piece(model_type="bpe", normalization_rule_tsv=str(HERE / "rules.tsv")))
    return model.normalizer_spec.precompiled_charsmap


def write_sentence_piece(name, **options):
    """What SentencePiece itself does with its models."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.model").write_bytes(train_sentence_piece(**options))
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    texts = [text for text in TEXTS + random_texts(40) if not any(tag in text for tag in ["<s>", "</s>", "<unk>"])]
    write_cases(folder, texts, model.encode, lambda text: model.encode(text, add_bos=options["model_type"] == "bpe"),
                lambda ids: model.decode(ids))


def write_tiktoken(name, pattern):
    """What tiktoken does with ranks; the special tokens follow them."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocab = sorted(train(tokenizer).get_vocab().items(), key=lambda entry: entry[1])
    byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
    ranks = {bytes(byte_of[c] for c in token): rank for rank, (token, _) in enumerate(vocab)}
    (folder / name).write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()))
    special = {"<s>": len(ranks), "<mask>": len(ranks) + 1}
    configuration = {"added_tokens_decoder": {str(i): {"content": t, "special": True} for t, i in special.items()}}
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration) + "\n")
    encoding = tiktoken.Encoding("small", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    special_ids = set(special.values())
    encode = lambda text: encoding.encode(text, allowed_special="all")
    write_cases(folder, TEXTS + random_texts(40), encode, encode,
                lambda ids: encoding.decode([i for i in ids if i not in special_ids]))


def bytes_to_unicode():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def write_cases(folder, texts, encode, encode_whole, decode):
    cases = [{"text": text, "ids": encode(text), "with_special_tokens": encode_whole(text),
              "decoded_without_special_tokens": decode(encode(text))} for text in texts]
    for case in cases:
        if case["with_special_tokens"] == case["ids"]:
            del case["with_special_tokens"]
    (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")


def write(name, tokenizer, random_count=80):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    cases = []
    for text in TEXTS + random_texts(random_count):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        whole = tokenizer.encode(text, add_special_tokens=True).ids
        cases.append({"text": text, "ids": ids, "with_special_tokens": whole,
                      "decoded": tokenizer.decode(whole, skip_special_tokens=False),
                      "decoded_without_special_tokens": tokenizer.decode(whole, skip_special_tokens=True)})
    (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    for maker in [prefix_space, sentence_piece, unknown, splits]:
        write(maker.__name__, maker())
    for maker in [unigram, unigram_bytes, classes, spelled]:
        write(maker.__name__, maker(), 40)
    write_sentence_piece("sp_bpe", model_type="bpe", normalization_rule_name="identity", remove_extra_whitespaces=False)
    write_sentence_piece("sp_unigram", model_type="unigram", normalization_rule_tsv=str(HERE / "rules.tsv"))
    words = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
    write_tiktoken("hy.tiktoken", words)
    capitals, letters = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
    tail = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    write_tiktoken("tiktoken.model", "|".join([
        r"[\p{Han}]+", rf"[^\r\n\p{{L}}\p{{N}}]?{capitals}*{letters}+{tail}", rf"[^\r\n\p{{L}}\p{{N}}]?{capitals}+{letters}*{tail}",
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"]))
    if len(sys.argv) > 1:
        write("tiny", Tokenizer.from_file(sys.argv[1]))
