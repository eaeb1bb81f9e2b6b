"""Rotary frequencies of many configurations, as transformers computes them.

usage: make_frequencies.py OUT.json      (pip install "torch==2.13.0" transformers==5.23.0)

A list of {"config", "frequencies", "attention_factor"}; `frequencies` are those of the first positions and, for longrope,
`long_frequencies` those of positions beyond the original length.
"""
import json
import math
import sys

from transformers import HunYuanDenseV1Config, LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.hunyuan_v1_dense.modeling_hunyuan_v1_dense import HunYuanDenseV1RotaryEmbedding

sizes = {"hidden_size": 512, "num_attention_heads": 4, "head_dim": 128, "max_position_embeddings": 4096}


def llama3(**keys):
    return {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, **keys}


def yarn(**keys):
    return {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 40.0, "original_max_position_embeddings": 4096, **keys}


def longrope(pairs, **keys):
    return {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 4096,
            "short_factor": [1 + 0.01 * i for i in range(pairs)], "long_factor": [1 + 0.7 * i for i in range(pairs)], **keys}


cases = [
    (sizes, {"rope_type": "default", "rope_theta": 10000.0}),
    ({**sizes, "head_dim": 80}, {"rope_type": "default", "rope_theta": 1e6}),
    (sizes, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
    (sizes, {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}),
    (sizes, {"rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 1000.0, "factor": 1.0}),
    ({**sizes, "max_position_embeddings": 131072}, llama3()),
    ({**sizes, "head_dim": 64, "max_position_embeddings": 131072}, llama3(factor=32.0)),
    (sizes, yarn()),
    (sizes, yarn(mscale=1.0, mscale_all_dim=1.0, beta_fast=32, beta_slow=1)),
    ({**sizes, "head_dim": 64}, yarn(mscale=0.707, mscale_all_dim=1.2, beta_fast=16, beta_slow=2)),
    (sizes, yarn(factor=4.0, rope_theta=1e6, original_max_position_embeddings=32768)),
    (sizes, yarn(factor=32.0, rope_theta=150000.0, truncate=False)),
    (sizes, yarn(attention_factor=1.5)),
    ({**sizes, "max_position_embeddings": 131072}, longrope(64)),
    (sizes, longrope(64, attention_factor=1.19)),
    ({**sizes, "head_dim": 96}, longrope(48, factor=32.0)),
    ({**sizes, "max_position_embeddings": 131072}, longrope(48, partial_rotary_factor=0.75)),
    (sizes, yarn(partial_rotary_factor=0.5)),
    (sizes, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0, "partial_rotary_factor": 0.25}),
]
results = []
for size, rope in cases:
    result = {"config": {**size, "rope_parameters": rope}}
    if "alpha" in rope:
        module = HunYuanDenseV1RotaryEmbedding(HunYuanDenseV1Config(**size, rope_parameters=dict(rope)))
        frequencies, factor = module.inv_freq, module.attention_scaling
    elif rope["rope_type"] == "default":
        frequencies = [rope["rope_theta"] ** (-2 * i / size["head_dim"]) for i in range(size["head_dim"] // 2)]
        factor = 1.0
    else:
        config = LlamaConfig(**size, rope_parameters=dict(rope))
        frequencies, factor = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config)
        if rope["rope_type"] == "longrope":
            beyond, _ = ROPE_INIT_FUNCTIONS["longrope"](config, seq_len=4097)
            result["long_frequencies"] = [float(f"{float(x):.9g}") for x in beyond]
    result["frequencies"] = [float(f"{float(x):.9g}") for x in frequencies]
    result["attention_factor"] = factor
    assert math.isfinite(factor)
    results.append(result)
with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(result) for result in results) + "\n]\n")
