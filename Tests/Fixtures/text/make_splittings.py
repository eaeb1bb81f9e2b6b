"""Cuts texts into words as the tokenizers of some models do, with Hugging Face's library: what `tokenizer.ggml.pre` names.

usage: make_splittings.py splittings.json      (pip install tokenizers)

The patterns are those of the models' own `tokenizer.json`; where a model has none, of llama.cpp's converter.
"""
import json
import sys

from tokenizers import Regex, pre_tokenizers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
QWEN2 = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"


def gpt4o(digits):
    return (rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+{CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*{CONTRACTIONS}?"
            rf"|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


MARKED = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"""
CASCADE = "".join(rf"\s{{{n}}}(?!\S)|" for n in [512, 256, 128, 64, 32, 16, 8, 4]) + r"\s{1,2}(?!\S)|\s{1}"
SPLITTINGS = {
    "jina-v5-nano": [CONTRACTIONS + "|" + QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|")],
    "minicpm5": [r"\p{N}{1,3}", CONTRACTIONS + "|" + QWEN2.replace(r"\p{N}|", r"\p{N}+|")],
    "ufakzeka": [QWEN2],
    "laguna": [r"[^\n]+|[\n]+", CONTRACTIONS + "|" + QWEN2],
    "jais-2": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|" + CASCADE],
    "exaone-moe": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"],
    "spark2_5": [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", MARKED + r"|[\r\n]|\s+(?!\S)|\s+", r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", MARKED + r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "afmoe": [r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
              "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+", MARKED + r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "granite-embed-multi-97m": [gpt4o("{1,3}")],
    "tiny_aya": [r"\d{1,3}(?=(?:\d{3})*\b)", gpt4o("{1,3}")],
    "youtu": ["[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+", gpt4o("")],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
    "bloom": [r" ?[^(\s|.,!?…。，、।۔،)]+"],
    "viking": [r" ?[^(\s|.,!?…。，、।۔،)]+", r"\p{N}"],
    "chameleon": ["<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}",
                  r"[\p{P}!-/:-@\[-`{-~]", GPT2],
    "gemma4": [r"[^\n]+|[\n]+"],
    "whitespace": [r"\S+"],
}
TEXTS = [
    "The quick brown fox's 35 heads, DON'T they?\n\n\t  x", "雞兔同籠，上有35頭 é e\u0301 ﬁ 👩‍👧 12345678 한국어 ㄱㄴ ありがとう",
    "a  b   c    d         e\r\n\r\n  f\n", "İstanbul'un 1234567,89 kilometresi… CamelCase HTTPServer's ㄅㄆ", "<sentinel:12> IMGIMGABZ (x|y) [z]",
    "नमस्ते ปัจจุบัน ၁၂၃ 一二三。", " " * 13 + "x" + " " * 70, "co op a b c  de/fg/\n/h",
]
if __name__ == "__main__":
    cases = []
    for name, patterns in SPLITTINGS.items():
        splitter = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns])
        for text in TEXTS:
            cases.append({"name": name, "text": text, "pieces": [piece for piece, _ in splitter.pre_tokenize_str(text)]})
    with open(sys.argv[1], "w") as file:
        json.dump(cases, file, ensure_ascii=False, indent=0)
