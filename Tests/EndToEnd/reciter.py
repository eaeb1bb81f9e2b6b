"""A model that recites one text, whatever it is asked: for tests of what becomes of known answers.

One layer that adds nothing, so that every token is followed by the one that the head maps it to. The text's tokens are
added ones, so that any text is cut into them where it has them, and after a prompt that ends with another the text begins.
"""
import json
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = ROOT / "Models/tiny"
# Of fewer tokens than the model's today: most texts are found in none of them.
TOKENIZER = ROOT / "Tests/Fixtures/text/tokenizers/tiny/tokenizer.json"
TEMPLATES = ROOT / "Tests/Fixtures/text/templates"
END = 2  # <|eos|> of the tiny model's tokenizer


def byte_alphabet():
    """GPT-2's spelling of bytes: printable ones as they are, the others from U+0100 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in plain)
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + index) for index, byte in enumerate(others)}


def pieces(text, special, taken, length=4):
    """The text in pieces that all differ: special tokens whole, what is between them a few characters at a time. If it can
    be, no piece is found anywhere else in the text, or ends with white space, as prompts do."""
    whole, result = text, []
    twice = lambda part: whole.count(part) > 1
    while text:
        token = next((token for token in special if text.startswith(token)), None)
        limit = min((at for at in (text.find(other) for other in special) if at > 0), default=len(text))
        end = min(length, limit)
        while end < limit and (
                twice(text[:end]) or text[:end] in taken or limit - end < length or twice(text[end:limit])
                or text[end - 1].isspace()):
            end += 1
        piece = token or text[:end]
        assert piece not in result and piece not in taken, f"{piece!r} comes twice"
        result.append(piece)
        text = text[len(piece):]
    return result


def write_tensors(path, tensors):
    header, offset = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    head = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for _, data in tensors.values():
            file.write(data)


def matrix(rows, columns, entries):
    data = bytearray(4 * rows * columns)
    for row, column in entries:
        struct.pack_into("<f", data, 4 * (row * columns + column), 1.0)
    return [rows, columns], bytes(data)


def tokenizer_settings():
    """The tiny model's, but for its added tokens, which are not those of `TOKENIZER`."""
    settings = json.loads((TINY / "tokenizer_config.json").read_text(encoding="utf-8"))
    return {key: value for key, value in settings.items() if key != "added_tokens_decoder"}


def make(folder, text, template, special=(), added=()):
    """Writes a model that recites `text`; `special` are the tokens in it that are special, `added` more that are not in it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = json.loads(TOKENIZER.read_text(encoding="utf-8"))
    alphabet = byte_alphabet()
    vocabulary = tokenizer["model"]["vocab"]
    next_id = max(max(vocabulary.values()), *(token["id"] for token in tokenizer["added_tokens"])) + 1
    spell = lambda piece: "".join(alphabet[byte] for byte in piece.encode())
    spelled = {letter: byte for byte, letter in alphabet.items()}
    taken = {bytes(spelled[letter] for letter in key).decode(errors="replace")
             for key in vocabulary if set(key) <= set(spelled)}
    ids = []
    for piece in pieces(text, special, taken):
        tokenizer["added_tokens"].append({
            "id": next_id, "content": piece, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": piece in special})
        ids.append(next_id)
        next_id += 1
    for token in added:
        tokenizer["added_tokens"].append({
            "id": next_id, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True})
        next_id += 1
    # Tokenizers that number added tokens anew keep those of the vocabulary.
    vocabulary |= {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    size = (next_id + 63) // 64 * 64
    follows = {token: ids[0] for token in range(size)} | dict(zip(ids, [*ids[1:], END]))
    layer = "model.layers.0."
    vector = lambda count: ([count], struct.pack(f"<{count}f", *[1.0] * count))
    zero = lambda rows, columns: matrix(rows, columns, [])
    write_tensors(folder / "model.safetensors", {
        "model.embed_tokens.weight": matrix(size, size, [(i, i) for i in range(size)]),
        "lm_head.weight": matrix(size, size, [(following, token) for token, following in follows.items()]),
        "model.norm.weight": vector(size),
        layer + "input_layernorm.weight": vector(size), layer + "post_attention_layernorm.weight": vector(size),
        layer + "self_attn.q_proj.weight": zero(32, size), layer + "self_attn.k_proj.weight": zero(32, size),
        layer + "self_attn.v_proj.weight": zero(32, size), layer + "self_attn.o_proj.weight": zero(size, 32),
        layer + "self_attn.q_norm.weight": vector(32), layer + "self_attn.k_norm.weight": vector(32),
        layer + "mlp.gate_proj.weight": zero(32, size), layer + "mlp.up_proj.weight": zero(32, size),
        layer + "mlp.down_proj.weight": zero(size, 32)})
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": size, "hidden_size": size,
        "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
        "head_dim": 32, "hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False,
        "attention_bias": False, "max_position_embeddings": 8192, "rope_theta": 10000.0, "eos_token_id": END}))
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": False, "eos_token_id": [END]}))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_settings()))
    source = (TEMPLATES / f"{template}.jinja").read_text(encoding="utf-8")
    (folder / "chat_template.jinja").write_text(source, encoding="utf-8")
    return str(folder)
