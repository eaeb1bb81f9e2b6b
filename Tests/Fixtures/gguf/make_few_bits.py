"""A llama of two layers with random weights, every matrix in another of the formats that make_quantized.py leaves out.

usage: make_few_bits.py LIBGGML_BASE OUT.gguf      (pip install numpy gguf)

ggml's own functions quantise, with importance weights of one where a format needs some.
"""
import ctypes
import sys

import gguf
import numpy as np

library, out = sys.argv[1:3]
ggml = ctypes.CDLL(library)
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
random = np.random.default_rng(18)
WIDTH, HEADS, GROUPS, HEAD, INNER, VOCABULARY = 256, 4, 2, 16, 256, 96
# For rows of 256 weights, and for the shorter ones of the output projection.
FORMATS = iter(["Q2_K", "IQ3_S", "IQ1_M", "TQ1_0", "IQ2_XXS", "Q3_K", "IQ4_XS", "IQ3_XXS", "TQ2_0", "IQ1_S", "IQ2_S", "IQ2_XS"])
SHORT = iter(["IQ4_NL", "NVFP4"])
SHAPES = {"attn_q": (HEADS * HEAD, WIDTH), "attn_k": (GROUPS * HEAD, WIDTH), "attn_v": (GROUPS * HEAD, WIDTH),
          "attn_output": (WIDTH, HEADS * HEAD), "ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH),
          "ffn_down": (WIDTH, INNER)}

writer = gguf.GGUFWriter(out, "llama")
writer.add_block_count(2)
writer.add_context_length(512)
writer.add_embedding_length(WIDTH)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(GROUPS)
writer.add_key_length(HEAD)
writer.add_value_length(HEAD)
writer.add_rope_dimension_count(HEAD)
writer.add_rope_freq_base(20000.0)
writer.add_layer_norm_rms_eps(1e-6)
writer.add_vocab_size(VOCABULARY)
writer.add_tokenizer_model("no_vocab")


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def add(name, shape, format):
    kind = gguf.GGMLQuantizationType[format]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    rows, columns = shape
    weights = (0.06 * random.standard_normal(shape)).astype(np.float32)
    blocks = np.zeros((rows, columns // elements * size), np.uint8)
    importance = np.ones(columns, np.float32)
    ggml.ggml_quantize_chunk(int(kind), pointer(weights), pointer(blocks), ctypes.c_int64(0), ctypes.c_int64(rows),
                             ctypes.c_int64(columns), pointer(importance))
    writer.add_tensor(name, blocks, raw_dtype=kind)
    print(name, format, "mean squared error", ((gguf.quants.dequantize(blocks, kind) - weights) ** 2).mean())


add("token_embd.weight", (VOCABULARY, WIDTH), "MXFP4")
writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
for layer in range(2):
    for norm in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(WIDTH, np.float32))
    for name, shape in SHAPES.items():
        add(f"blk.{layer}.{name}.weight", shape, next(SHORT if shape[1] < WIDTH else FORMATS))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
