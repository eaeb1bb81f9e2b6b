"""Quantises a few rows with ggml's own functions, without importance weights, and takes them back with gguf-py.

usage: make_reference.py LIBGGML_BASE OUT.safetensors ARBITRARY.safetensors      (pip install numpy gguf safetensors)

In OUT, `x` holds 16 rows of 256 weights of unit variance; `NAME.bytes` their blocks, `NAME.values` what the blocks stand for.
In ARBITRARY, `NAME.bytes` are four rows of arbitrary blocks that stand for finite numbers, `NAME.values` these, and
`NAME.quantized` the blocks of `x` in formats that need no importance weights.
"""
import ctypes
import sys

import gguf
import numpy as np
from gguf.quants import dequantize
from safetensors.numpy import save_file

library, out, arbitrary = sys.argv[1:4]
ggml = ctypes.CDLL(library)
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


random = np.random.default_rng(1)
shapes = [random.standard_normal, random.laplace, lambda size: random.standard_t(4, size),
          lambda size: random.random(size) * 2 - 1]
rows = [shapes[i % 4](size=256) for i in range(16)]
rows = [row - row.mean() if i < 12 else row + 0.5 for i, row in enumerate(rows)]
x = np.stack([row / row.std() for row in rows]).astype(np.float32)


def quantized(kind):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = np.zeros((16, 256 // elements * size), np.uint8)
    ggml.ggml_quantize_chunk(int(kind), pointer(x), pointer(blocks), ctypes.c_int64(0), ctypes.c_int64(16),
                             ctypes.c_int64(256), None)
    print(kind.name, "mean squared error", ((dequantize(blocks, kind) - x) ** 2).mean())
    return blocks


tensors = {"x": x}
for name in ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]:
    kind = gguf.GGMLQuantizationType[name]
    tensors[name + ".bytes"] = quantized(kind)
    tensors[name + ".values"] = dequantize(tensors[name + ".bytes"], kind)
save_file(tensors, out)
tensors = {}
for name in ["Q2_K", "Q3_K", "IQ4_NL", "IQ4_XS", "MXFP4", "NVFP4", "TQ1_0", "TQ2_0", "IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XS",
             "IQ2_XXS", "IQ1_M", "IQ1_S"]:
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (100, 256 // elements * size), np.uint8)
    values = dequantize(blocks, kind)
    sound = np.isfinite(values).all(-1).nonzero()[0][:4]
    tensors[name + ".bytes"], tensors[name + ".values"] = blocks[sound], values[sound]
    if name[:3] not in ("IQ1", "IQ2", "IQ3"):
        tensors[name + ".quantized"] = quantized(kind)
save_file(tensors, arbitrary)
