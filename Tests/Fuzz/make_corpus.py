"""Makes the small files from which fuzzing starts. `corpus` also keeps inputs that once failed.

    pip install sentencepiece==0.2.3 protobuf && python make_corpus.py
"""
import base64
import json
import pathlib
import struct

from sentencepiece import sentencepiece_model_pb2

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(name, content):
    file = CORPUS / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def gguf(version=3, alignment=32, panels=()):
    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    values = [("general.architecture", 8, text("llama")), ("general.alignment", 4, struct.pack("<I", alignment)),
              ("a.float", 6, struct.pack("<f", 1.5)), ("a.flag", 7, b"\1"), ("a.long", 10, struct.pack("<Q", 7)),
              ("tokenizer.ggml.model", 8, text("llama")),
              ("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 4) + b"".join(map(text, ["<unk>", "▁", "a", "▁a"]))),
              ("tokenizer.ggml.scores", 9, struct.pack("<IQ4f", 6, 4, 0, -1, -2, -0.5)),
              ("tokenizer.ggml.token_type", 9, struct.pack("<IQ4i", 5, 4, 2, 1, 1, 1)),
              ("tokenizer.chat_template", 8, text("{{ messages[0].content }}")),
              ("nested", 9, struct.pack("<IQIQ2B", 9, 1, 0, 2, 1, 2)),
              ("infer_serve.config.json", 8, text('{"model_type": "llama"}'))]
    tensors = [("token_embd.weight", [4, 3], 0, 48), ("half", [8], 1, 16), ("blocks", [32, 2], 8, 68), *panels]
    head = struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(values))
    for key, kind, value in values:
        head += text(key) + struct.pack("<I", kind) + value
    offset = 0
    for name, sizes, kind, size in tensors:
        head += text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
        offset += -(-size // alignment) * alignment
    head += bytes(-len(head) % alignment)
    return head + bytes(i * 37 % 120 for i in range(offset))


def safetensors():
    tensors = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
               "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
               "c": {"dtype": "I64", "shape": [1], "data_offsets": [32, 40]}}
    header = json.dumps(tensors).encode()
    return struct.pack("<Q", len(header)) + header + bytes(range(40))


def quantized():
    """Matrices of eight rows and 64 columns as other programs store them when they are quantised."""
    state = json.dumps({"shape": [8, 64], "blocksize": 64, "dtype": "bfloat16", "nested_blocksize": 4, "nested_offset": 0.5})
    parts = {
        "gptq": {"a.qweight": ("I32", [8, 8]), "a.qzeros": ("I32", [2, 1]), "a.scales": ("F16", [2, 8]), "a.g_idx": ("I32", [64])},
        "awq": {"a.qweight": ("I32", [64, 1]), "a.qzeros": ("I32", [2, 1]), "a.scales": ("F16", [2, 8])},
        "float8": {"a.weight": ("F8_E4M3", [8, 64]), "a.weight_scale_inv": ("F32", [3, 2]),
                   "b.weight": ("F8_E4M3", [8, 64]), "b.weight_scale": ("BF16", [8, 1]), "b.input_scale": ("F32", [])},
        "packed": {"a.weight_packed": ("I32", [8, 8]), "a.weight_scale": ("BF16", [8, 2]), "a.weight_shape": ("I64", [2])},
        "nvfp4": {"a.weight_packed": ("U8", [8, 32]), "a.weight_scale": ("F8_E4M3", [8, 4]), "a.weight_global_scale": ("F32", [1])},
        "bytes": {"a.weight": ("I8", [8, 64]), "a.SCB": ("F32", [8]), "a.weight_scale": ("BF16", [8, 4])},
        "table": {"a.weight": ("U8", [256, 1]), "a.weight.absmax": ("U8", [8]), "a.weight.quant_map": ("F32", [16]),
                  "a.weight.nested_absmax": ("F32", [2]), "a.weight.nested_quant_map": ("F32", [256]),
                  "a.weight.quant_state.bitsandbytes__nf4": ("U8", [len(state)])},
        "mlx": {"a.weight": ("U32", [2, 8, 8]), "a.scales": ("F16", [2, 8, 2]), "a.biases": ("F16", [2, 8, 2])},
        "mlx_few": {"a.weight": ("U32", [8, 8]), "a.scales": ("U8", [8, 2])},
        "adapter": {"a.lora_A.weight": ("F32", [2, 12]), "a.lora_B.weight": ("F32", [8, 2]),
                    "b.lora_A.weight": ("BF16", [1, 4]), "b.lora_B.weight": ("BF16", [4, 1])}}
    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "I64": 8, "U8": 1, "I8": 1, "F8_E4M3": 1}
    for name, tensors in parts.items():
        header, data = {}, b""
        for tensor, (kind, shape) in tensors.items():
            count = 1
            for size in shape:
                count *= size
            content = bytes(i * 37 % 120 for i in range(count * sizes[kind]))
            if kind == "I64":
                content = struct.pack("<2q", 8, 64)
            elif "g_idx" in tensor:
                content = struct.pack("<64i", *(i % 2 for i in range(64)))
            elif "quant_state" in tensor:
                content = state.encode()
            header[tensor] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
            data += content
        text = json.dumps(header).encode()
        write(f"weights/{name}.safetensors", struct.pack("<Q", len(text)) + text + data)


def importances():
    """Importance matrices of two tensors, the second of two experts, in both forms of llama.cpp's."""
    def text(value, size="<Q"):
        return struct.pack(size, len(value)) + value.encode()

    def floats(count):
        return struct.pack(f"<{count}f", *(i * 37 % 101 / 8 for i in range(count)))

    values = [("general.type", 8, text("imatrix")),
              ("imatrix.datasets", 9, struct.pack("<IQ", 8, 1) + text("a.txt")),
              ("imatrix.chunk_count", 4, struct.pack("<I", 3)), ("imatrix.chunk_size", 4, struct.pack("<I", 512))]
    tensors = [("a.in_sum2", [256], 256), ("a.counts", [1], 1), ("b.in_sum2", [256, 2], 512), ("b.counts", [1, 2], 2)]
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(values))
    head += b"".join(text(key) + struct.pack("<I", kind) + value for key, kind, value in values)
    data = b""
    for name, sizes, count in tensors:
        head += text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, 0, len(data))
        data += floats(count) + bytes(-4 * count % 32)
    older = struct.pack("<i", 2)
    for name, count in (("a", 256), ("b", 512)):
        older += text(name, "<i") + struct.pack("<ii", 3, count) + floats(count)
    return {"gguf": head + bytes(-len(head) % 32) + data, "dat": older + struct.pack("<i", 3) + text("a.txt", "<i")}


def byte_pair(pre_tokenizer, **model):
    vocab = {token: i for i, token in enumerate(["<unk>", *"abcdefgh 12,.▁Ġ雞", "ab", "cd", "abcd", "▁a", "Ġa", "<0x41>"])}
    return {"added_tokens": [
                {"id": 30, "content": "<s>", "special": True, "normalized": False, "lstrip": True},
                {"id": 31, "content": "NORM", "special": False, "normalized": True, "single_word": True, "rstrip": True}],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "NFC"}, {"type": "Lowercase"}, {"type": "Replace", "pattern": {"Regex": r"\s{2,}"}, "content": " "},
                {"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Prepend", "prepend": "▁"}]},
            "pre_tokenizer": pre_tokenizer,
            "post_processor": {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [30], "tokens": ["<s>"]}}},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "vocab": vocab,
                      "merges": ["a b", ["c", "d"], "ab cd", "▁ a", "Ġ a"]} | model}


def unigram():
    vocab = [["<unk>", 0.0], ["▁", -2.0], ["a", -3.0], ["b", -3.5], ["ab", -4.0], ["▁ab", -5.0], ["<0x0A>", -9.0]]
    return {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
            "normalizer": {"type": "Precompiled", "precompiled_charsmap": "CAAAAAAAAAAAAAAAYQA="},
            "post_processor": {"type": "RobertaProcessing", "cls": ["<unk>", 0], "sep": ["▁", 1]},
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
            "model": {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": True}}


def sentence_piece(kind):
    model = sentencepiece_model_pb2.ModelProto()
    for token, score, type in [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁", -2, 1), ("a", -3, 1), ("b", -4, 1),
                               ("ab", -1, 1), ("▁ab", -0.5, 1), ("<mask>", 0, 4)]:
        model.pieces.add(piece=token, score=score, type=type)
    for byte in range(256):
        model.pieces.add(piece=f"<0x{byte:02X}>", score=0, type=6)
    model.trainer_spec.model_type = kind
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.precompiled_charsmap = struct.pack("<I", 8) + bytes(8) + b"x\0"
    return model.SerializeToString()


def templates():
    return {"conversation": """{%- if tools %}{{ tools | tojson(indent=2) }}{% endif -%}
{%- set ns = namespace(last=-1, text='') -%}
{%- for message in messages -%}
{%- if message.role == 'user' and not loop.last %}{% set ns.last = loop.index0 %}{% endif -%}
<|{{ message['role'] }}|>{{ message.content if message.content is string else message.content | tojson }}
{%- for call in message.tool_calls or [] %}{{ call.function.name }}({{ call.function.arguments | items | list }}){% endfor -%}
{%- endfor -%}{{ bos_token ~ eos_token }}{% if add_generation_prompt %}<|assistant|>{% endif %}""",
            "forever": "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}{% for i in range(10 ** 9) %}{% endfor %}",
            "growing": "{% set ns = namespace(s='x') %}{% for i in range(99999) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
            "nested": "{{ " + "(" * 300 + "1" + ")" * 300 + " }}" + "{% if 1 %}" * 50 + "{% endif %}" * 50,
            "filters": "{{ ('a,b' | upper | trim).split(',')[::-1] | join('-') }}{{ '%s %05.2f' | format('x', 2.5) }}"
                       "{{ [3, 1, 2] | sort | map('string') | list }}{{ {'a': 1, 'b': [none, true]} | tojson }}"
                       "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first }}"
                       "{{ 'abc'.replace('b', 'x') * 3 }}{{ 7 // 2 ** 2 % 3 }}{{ '%d' % 3 }}{{ strftime_now('%d %b %Y') }}",
            "document": json.dumps({"a": [1, -2.5e10, "é\n\"", None, True, {"b": {}}], "big": 2 ** 70}, indent=1)}


def requests():
    tool = {"type": "function", "function": {"name": "add", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}}
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": json.dumps({"a": 2 ** 64 - 1})}}
    chat = {"model": "m", "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "2+2?"}, {"type": "text", "text": "é"}]},
                {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
                {"role": "tool", "tool_call_id": "c1", "content": "4"}],
            "tools": [tool], "tool_choice": "auto", "temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "n": 2,
            "seed": -1, "max_tokens": 100, "stop": ["x", "y"], "logprobs": True, "top_logprobs": 5, "stream": True,
            "stream_options": {"include_usage": True}, "logit_bias": {"5": -100}, "presence_penalty": 1,
            "frequency_penalty": -1, "repetition_penalty": 1.1, "min_tokens": 3, "reasoning_effort": "low",
            "chat_template_kwargs": {"enable_thinking": False, "n": 1e300}, "response_format": {"type": "text"}}
    completion = {"model": "m", "prompt": ["a", [1, 2, 3]], "max_tokens": 5, "echo": True, "n": 1, "stop": "\n",
                  "logprobs": 2, "temperature": 0, "stop_token_ids": [1], "ignore_eos": True, "seed": 2 ** 63 - 1}
    return {"chat": "/v1/chat/completions\n" + json.dumps(chat), "completion": "/v1/completions\n" + json.dumps(completion),
            "tokenize": "/tokenize\n" + json.dumps({"prompt": "é", "add_special_tokens": False, "return_token_strs": True}),
            "tokenize_chat": "/tokenize\n" + json.dumps({"messages": chat["messages"], "add_generation_prompt": True}),
            "detokenize": "/detokenize\n" + json.dumps({"tokens": [1, 2, 2 ** 31]}),
            "tokens": "/v1/completions\n" + json.dumps({"prompt": [1, 2, 2 ** 31]}),
            "choice": "/v1/chat/completions\n" + json.dumps({
                "messages": [{"role": "developer", "content": "x"}], "tools": [tool],
                "tool_choice": {"type": "function", "function": {"name": "add"}}, "parallel_tool_calls": False}),
            "functions": "/v1/chat/completions\n" + json.dumps({
                "messages": [{"role": "assistant", "function_call": {"name": "add", "arguments": "{}"}},
                             {"role": "assistant", "content": "x", "prefix": True}],
                "functions": [tool["function"]], "function_call": {"name": "add"}}),
            "allowed": "/v1/chat/completions\n" + json.dumps({
                "messages": [{"role": "user", "content": "x"}], "tools": [tool, {"type": "custom", "custom": {"name": "run"}}],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {
                    "mode": "required", "tools": [{"type": "custom", "custom": {"name": "run"}}]}}}),
            "responses": "/v1/responses\n" + json.dumps({
                "instructions": "Be brief.", "input": [
                    {"role": "developer", "content": "x"}, {"role": "user", "content": [{"type": "input_text", "text": "y"}]},
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "infer-serve:aG0="},
                    {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"},
                    {"type": "custom_tool_call", "call_id": "d", "name": "run", "input": "z"},
                    {"type": "function_call_output", "call_id": "c", "output": "4"},
                    {"type": "custom_tool_call_output", "call_id": "d", "output": [{"type": "input_text", "text": "5"}]}],
                "tools": [{"type": "web_search"}, {"type": "custom", "name": "run"}, {"type": "function", **tool["function"]}],
                "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "run"}]},
                "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low", "summary": "auto"},
                "text": {"format": {"type": "text"}}, "metadata": {"a": "b"}, "max_output_tokens": 5, "top_logprobs": 2,
                "truncation": "auto", "store": False, "options": {"num_predict": 3}}),
            "embeddings": "/v1/embeddings\n" + json.dumps({
                "input": ["é", [1, 2, 2 ** 31 - 1]], "dimensions": 3, "encoding_format": "base64", "pooling": "mean",
                "normalize": False}),
            "rerank": "/v1/rerank\n" + json.dumps({
                "query": "x", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": True}),
            "score": "/v1/score\n" + json.dumps({"text_1": "a", "text_2": ["b", "c"]}),
            "ollama_embed": "/api/embed\n" + json.dumps({
                "input": ["é", ""], "dimensions": 3, "truncate": False, "options": {"num_ctx": 2 ** 31}, "pooling": "cls"}),
            "ollama_chat": "/api/chat\n" + json.dumps({
                "messages": [{"role": "user", "content": "x", "images": []},
                             {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "add", "arguments": {}}}]},
                             {"role": "tool", "content": "4", "tool_name": "add"}],
                "tools": [tool], "think": "low", "keep_alive": "5m",
                "options": {"num_ctx": 2 ** 31, "num_predict": -2, "stop": ["a"], "temperature": 0.5}}),
            "ollama_generate": "/api/generate\n" + json.dumps({
                "prompt": "x", "suffix": "y", "raw": False, "system": "", "truncate": False, "options": {"num_keep": 4}}),
            "infill": "/infill\n" + json.dumps({
                "input_prefix": "a", "input_suffix": "b", "input_extra": [{"filename": "f", "text": "t"}], "prompt": "c",
                "samplers": ["top_k", "top_p", "infill"], "n_indent": 4, "t_max_predict_ms": 300, "n_predict": 8})}


# The formats in the order of `ToolCallFormat`; each text follows bytes for its format, its reasoning and its options.
OUTPUTS = [
    "Plain text.", "<think>hm</think>Hi.<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>",
    "<tool_call>\n<function=add>\n<parameter=a>\n18446744073709551615\n</parameter>\n</function>\n</tool_call>",
    "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}]",
    "<answer>x</answer><tool_calls>[{\"name\": \"add\", \"arguments\": {}}]</tool_calls>",
    "<tool_calls><tool_call>add<tool_sep><arg_key>a</arg_key><arg_value>1</arg_value></tool_call></tool_calls>",
    "<TOOLCALL>[{\"name\": \"add\", \"arguments\": {\"a\": [1, null]}}]</TOOLCALL>",
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\": 1}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "{\"name\": \"add\", \"parameters\": {\"a\": 1}}",
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.add:0<|tool_call_argument_begin|>{\"a\": 1}<|tool_call_end|>"
    "<|tool_calls_section_end|>",
    "<|tool_call_start|>[add(a=-9223372036854775807, b='x', c=[None, {'d': True}]), now()]<|tool_call_end|>",
    "[TOOL_CALLS][{\"name\": \"add\", \"arguments\": {\"a\": 1}}]",
    "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json"
    "<|message|>{\"a\": 1}<|call|>",
]


if __name__ == "__main__":
    for name, request in requests().items():
        write(f"requests/{name}", request)
    for form, content in importances().items():
        write(f"importances/a.{form}", content)
    for index, text in enumerate(OUTPUTS):
        write(f"outputs/{index}", bytes([index, 3 if index == 12 else 1, index % 8]) + text.encode())
    write("weights/v2.gguf", gguf(2))
    write("weights/v3.gguf", gguf())
    # Panels of 17 rows of Q8_0 of which four columns, or eight, stand together, and of a stack of F16.
    panels = [("four", [32, 17], 0x10408, 1152), ("eight", [32, 17], 0x10808, 1152), ("f16", [3, 2, 2], 0x10201, 256)]
    write("weights/panels.gguf", gguf(alignment=64, panels=panels))
    # Rows of the formats whose blocks are read code by code: name, weights of a block, number, bytes.
    blocks = [("Q2_K", 256, 10, 84), ("Q3_K", 256, 11, 110), ("IQ4_NL", 32, 20, 18), ("IQ4_XS", 256, 23, 136),
              ("MXFP4", 32, 39, 17), ("NVFP4", 64, 40, 36), ("TQ1_0", 256, 34, 54), ("TQ2_0", 256, 35, 66),
              ("IQ3_S", 256, 21, 110), ("IQ3_XXS", 256, 18, 98), ("IQ2_S", 256, 22, 82), ("IQ2_XS", 256, 17, 74),
              ("IQ2_XXS", 256, 16, 66), ("IQ1_M", 256, 29, 56), ("IQ1_S", 256, 19, 50)]
    rows = [(name, [2 * weights, 3], kind, 6 * size) for name, weights, kind, size in blocks]
    rows += [(f"{name}.panel", [weights, 2], 0x10400 + kind, -(-size // 64) * 64)
             for name, weights, kind, size in [("IQ4_NL", 32, 20, 288), ("MXFP4", 32, 39, 272), ("NVFP4", 64, 40, 576)]]
    write("weights/few_bits.gguf", gguf(alignment=64, panels=rows))
    pair = [("blk.0.attn_q.weight.lora_a", [12, 2], 0, 96), ("blk.0.attn_q.weight.lora_b", [2, 8], 0, 64)]
    write("weights/adapter.gguf", gguf(panels=pair))
    write("weights/small.safetensors", safetensors())
    quantized()
    sequence = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": r"[^\s]+|\s+(?!\S)"}, "behavior": "Isolated", "invert": False},
        {"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "MergedWithNext"},
        {"type": "Split", "pattern": {"String": "d"}, "behavior": "MergedWithPrevious", "invert": True}]}
    write("tokenizers/characters.json", json.dumps(byte_pair(sequence)))
    write("tokenizers/bytes.json", json.dumps(byte_pair({"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
                                                        ignore_merges=True)))
    write("tokenizers/unigram.json", json.dumps(unigram()))
    write("tokenizers/unigram.model", sentence_piece(1))
    write("tokenizers/pairs.model", sentence_piece(2))
    ranks = [bytes([b]) for b in range(256)] + [b"ab", b"th", b"the", b" the", "雞".encode()]
    write("tokenizers/ranks.tiktoken", "".join(f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(ranks)))
    pieces = ranks[:256] + [b"ab", b"th", b"the", b" the", "雞".encode(), b"\\n", b"'\"", "雞".encode()[:2]]
    write("tokenizers/world.txt", "".join(f"{i} {t!r} {len(t)}\n" for i, t in enumerate(pieces, 1)))
    for name, template in templates().items():
        write(f"templates/{name}", template)
