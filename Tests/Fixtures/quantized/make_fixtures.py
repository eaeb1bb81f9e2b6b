"""Quantises a small random model by each method that other programs have, with their own packages, and takes the weights back.

usage: make_fixtures.py OUT AUTOAWQ
    (pip install torch numpy safetensors transformers compressed-tensors bitsandbytes 'mlx[cpu]'; AUTOAWQ is the folder of
    AutoAWQ's sources, of which two files are used)

Each folder of OUT has `config.json` and `model.safetensors`, as the method's program writes them, and in `expected.safetensors`
what the weights stand for, in F32. Of GPTQ there is no package without a compiler for GPUs: its formula is written down here.
"""
import ast
import json
import pathlib
import sys
import types

import bitsandbytes.functional as bnb
import mlx.core as mx
import numpy as np
import torch
import transformers.integrations.finegrained_fp8 as finegrained
from compressed_tensors.compressors.base import BaseCompressor
from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward import dequantize
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file

OUT, AWQ = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
WIDTH, HIDDEN, VOCABULARY = 64, 32, 64
generator = torch.Generator().manual_seed(7)
SHAPES = {"self_attn.q_proj": (32, WIDTH), "self_attn.k_proj": (32, WIDTH), "self_attn.v_proj": (32, WIDTH),
          "self_attn.o_proj": (WIDTH, 32), "mlp.gate_proj": (HIDDEN, WIDTH), "mlp.up_proj": (HIDDEN, WIDTH),
          "mlp.down_proj": (WIDTH, HIDDEN)}
WEIGHTS = {f"model.layers.0.{name}": 0.15 * torch.randn(shape, generator=generator) * (
               0.5 + torch.rand(shape[0], 1, generator=generator)) for name, shape in SHAPES.items()}
PLAIN = {"model.embed_tokens.weight": torch.randn(VOCABULARY, WIDTH, generator=generator).bfloat16(),
         "model.norm.weight": 1 + 0.1 * torch.randn(WIDTH, generator=generator).bfloat16(),
         "model.layers.0.input_layernorm.weight": torch.ones(WIDTH).bfloat16(),
         "model.layers.0.post_attention_layernorm.weight": torch.ones(WIDTH).bfloat16()}
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH, "intermediate_size": HIDDEN,
          "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6,
          "vocab_size": VOCABULARY, "max_position_embeddings": 256, "tie_word_embeddings": True, "hidden_act": "silu",
          "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}


def save(name, quantization, tensors, expected, key="quantization_config", plain=PLAIN):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | {key: quantization}, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in (plain | tensors).items()}, folder / "model.safetensors")
    save_file({k: v.float().contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    for module, weight in WEIGHTS.items():
        if module + ".weight" in expected:
            error = (expected[module + ".weight"].float() - weight).norm() / weight.norm()
            assert error < 0.5, (name, module, error)


# MARK: FP8

def float8(name, block, activations):
    tensors, expected = {}, {}
    for module, weight in WEIGHTS.items():
        if block:
            rows, columns = (-(-n // b) for n, b in zip(weight.shape, block))
            scale = torch.zeros(rows, columns)
            for i in range(rows):
                for j in range(columns):
                    part = weight[i * block[0]:(i + 1) * block[0], j * block[1]:(j + 1) * block[1]]
                    scale[i, j] = part.abs().max() / 448
            spread = scale.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)
            spread = spread[:weight.shape[0], :weight.shape[1]]
        else:
            scale = spread = weight.abs().max() / 448
            tensors[module + ".activation_scale"] = torch.tensor(0.5)
        codes = (weight / spread).to(torch.float8_e4m3fn)
        tensors[module + ".weight"], tensors[module + ".weight_scale_inv"] = codes, scale
        expected[module + ".weight"] = finegrained._dequantize_fp8_weight(codes, scale, block, torch.float32).bfloat16()
    save(name, {"quant_method": "fp8", "activation_scheme": activations, "fmt": "e4m3", "weight_block_size": block,
                "modules_to_not_convert": ["lm_head"]}, tensors, expected)


float8("fp8_128", [128, 128], "dynamic")
float8("fp8_block", [24, 40], "dynamic")
float8("fp8_tensor", None, "static")


# MARK: compressed-tensors

def compressed(module, arguments, form):
    """The tensors of a module as the package packs them, and what it makes of these."""
    weight = WEIGHTS[module]
    arguments = QuantizationArgs(**arguments)
    scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
    rows, columns = weight.shape
    size = arguments.group_size if arguments.strategy in ("group", "tensor_group") else columns
    if arguments.strategy == "block":
        block = arguments.block_structure
        parts = weight.reshape(rows // block[0], block[0], columns // block[1], block[1]).transpose(1, 2).flatten(2)
    elif arguments.strategy == "tensor":
        parts = weight.reshape(1, 1, -1)
    else:
        parts = weight.reshape(rows, columns // size, size)
    least, largest = parts.amin(-1), parts.amax(-1)
    factor = None
    if arguments.strategy == "tensor_group":
        factor = torch.tensor([448 * 6 / weight.abs().max()])
    scale, zero = calculate_qparams(least, largest, arguments, global_scale=factor)
    if arguments.type == "int":
        scale = scale.bfloat16()
    state = {"weight": weight, "weight_scale": scale}
    if factor is not None:
        state["weight_global_scale"] = factor
    if not arguments.symmetric:
        state["weight_zero_point"] = zero
    compressor = BaseCompressor.get_value_from_registry(form)
    packed = compressor.compress(state, scheme)
    if factor is not None:
        # The package takes them back in BF16: the formula, with what it unpacks.
        spread = (packed["weight_scale"].float() / factor).repeat_interleave(16, 1)
        return packed, unpack_fp4_from_uint8(packed["weight_packed"], rows, columns, dtype=torch.float32) * spread
    exact = dict(packed)
    if exact["weight_scale"].dtype == torch.bfloat16:
        exact["weight_scale"] = exact["weight_scale"].float()
    return packed, compressor.decompress(exact, scheme)["weight"].float()


INT = {"type": "int", "symmetric": True}
GROUPS = {
    "packed_4": ("pack-quantized", INT | {"num_bits": 4, "strategy": "group", "group_size": 32}, ["re:.*q_proj$"]),
    "packed_4_zeros": ("pack-quantized", INT | {"num_bits": 4, "strategy": "group", "group_size": 32, "symmetric": False},
                       ["model.layers.0.self_attn.k_proj"]),
    "float_channel": ("float-quantized", {"num_bits": 8, "type": "float", "strategy": "channel"}, ["re:.*v_proj$"]),
    "float_block": ("float-quantized", {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [16, 16]},
                    ["re:.*o_proj$"]),
    "nvfp4": ("nvfp4-pack-quantized", {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16},
              ["re:.*gate_proj$"]),
    "mxfp4": ("mxfp4-pack-quantized", {"num_bits": 4, "type": "float", "strategy": "group", "group_size": 32},
              ["re:.*up_proj$"]),
    "int_channel": ("int-quantized", INT | {"num_bits": 8, "strategy": "channel"}, ["Linear"]),
}


def compressed_model(name, groups):
    tensors, expected, config = {}, {}, {}
    for number, ((form, arguments, targets), modules) in enumerate(groups):
        config[f"group_{number}"] = {"targets": targets, "weights": arguments, "format": form, "input_activations": None}
        for module in modules:
            packed, expected[module + ".weight"] = compressed(module, arguments, form)
            tensors |= {f"{module}.{part}": tensor for part, tensor in packed.items()}
    forms = {form for (form, _, _), _ in groups}
    save(name, {"quant_method": "compressed-tensors", "format": forms.pop() if len(forms) == 1 else "mixed-precision",
                "quantization_status": "compressed", "config_groups": config, "ignore": ["lm_head"],
                "kv_cache_scheme": None}, tensors, expected)


MODULES = list(WEIGHTS)
compressed_model("compressed_mixed", [(group, [module]) for group, module in zip(GROUPS.values(), MODULES)])
compressed_model("compressed_int8", [(GROUPS["int_channel"], MODULES)])
three = ("pack-quantized", INT | {"num_bits": 3, "strategy": "channel"}, ["Linear"])
eight = ("pack-quantized", INT | {"num_bits": 8, "strategy": "group", "group_size": 32, "symmetric": False}, ["re:.*mlp.*"])
compressed_model("compressed_bits", [(three, MODULES[:4]), (eight, MODULES[4:])])


# MARK: AWQ

def source(path, kinds=None):
    """What one of AutoAWQ's files defines, without what it imports; `kinds` of definitions alone."""
    tree = ast.parse((AWQ / path).read_text())
    tree.body = [node for node in tree.body if kinds is None or isinstance(node, kinds)]
    names = {"torch": torch, "nn": torch.nn, "get_best_device": lambda: "cpu", "Function": object}
    exec(compile(tree, path, "exec"), names)
    return types.SimpleNamespace(**names)


def affine(weight, bits, size, symmetric=False):
    """Codes, scales and zeros of groups, [groups × rows] the two."""
    rows, columns = weight.shape
    parts = weight.reshape(rows, columns // size, size)
    if symmetric:
        scale = parts.abs().amax(-1) / (2 ** (bits - 1) - 1)
        zero = torch.full_like(scale, 2 ** (bits - 1))
    else:
        scale = (parts.amax(-1) - parts.amin(-1)) / (2 ** bits - 1)
        zero = (-parts.amin(-1) / scale).round().clamp(0, 2 ** bits - 1)
    scale = scale.half()
    codes = (parts / scale.float()[..., None] + zero[..., None]).round().clamp(0, 2 ** bits - 1)
    return codes.reshape(rows, columns).int(), scale.T.contiguous(), zero.T.int().contiguous()


gemm = source("awq/modules/linear/gemm.py", ast.ClassDef)
packing = source("awq/utils/packing_utils.py")
tensors, expected = {}, {}
for module, weight in WEIGHTS.items():
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    codes, scale, zero = affine(weight, 4, 32)
    spread = lambda table: table.T.repeat_interleave(32, 1)
    linear.weight.data = (codes - spread(zero)) * spread(scale.float())
    packed = gemm.WQLinear_GEMM.from_linear(linear, 4, 32, scales=scale.float(), zeros=zero)
    for part in ["qweight", "qzeros", "scales"]:
        tensors[f"{module}.{part}"] = getattr(packed, part)
    expected[module + ".weight"] = packing.dequantize_gemm(
        packed.qweight, packed.qzeros, packed.scales.float(), 4, 32).T
save("awq", {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm",
             "modules_to_not_convert": None}, tensors, expected)


# MARK: GPTQ

def stream(codes, bits):
    """Codes along the first axis as a stream of bits in words of 32, [n × m] to [n · bits / 32 × m]."""
    flat = (codes[:, None, :] >> np.arange(bits)[None, :, None]) & 1
    flat = flat.reshape(-1, 32, codes.shape[1]).astype(np.uint64)
    return (flat << np.arange(32, dtype=np.uint64)[None, :, None]).sum(1).astype(np.uint32).view(np.int32)


def gptq(name, bits, symmetric, version, ordered):
    tensors, expected = {}, {}
    size = 32
    for module, weight in WEIGHTS.items():
        columns = weight.shape[1]
        order = torch.randperm(columns, generator=generator) if ordered else torch.arange(columns)
        codes, scale, zero = affine(weight[:, order], bits, size, symmetric)
        groups = torch.zeros(columns, dtype=torch.int32)
        groups[order] = (torch.arange(columns) // size).int()
        codes = codes[:, order.argsort()]
        stored = zero.numpy() - (1 if version == "gptq" else 0) & (2 ** bits - 1)
        tensors |= {module + ".qweight": torch.from_numpy(stream(codes.T.numpy(), bits)),
                    module + ".qzeros": torch.from_numpy(stream(stored.T, bits).T.copy()),
                    module + ".scales": scale, module + ".g_idx": groups}
        expected[module + ".weight"] = (scale.float()[groups] * (codes.T - zero[groups])).T
    save(name, {"quant_method": "gptq", "bits": bits, "group_size": size, "sym": symmetric, "desc_act": ordered,
                "checkpoint_format": version, "damp_percent": 0.1, "true_sequential": True}, tensors, expected)


gptq("gptq_4", 4, True, "gptq", False)
gptq("gptq_4_zeros", 4, False, "gptq", False)
gptq("gptq_4_ordered", 4, False, "gptq_v2", True)
gptq("gptq_8", 8, True, "gptq", False)
gptq("gptq_8_zeros", 8, False, "gptq_v2", False)


# MARK: bitsandbytes

tensors, expected = {}, {}
for module, weight in WEIGHTS.items():
    codes, scale, _ = bnb.int8_vectorwise_quant(weight.half())
    tensors |= {module + ".weight": codes, module + ".SCB": scale, module + ".weight_format": torch.tensor(0, dtype=torch.uint8)}
    expected[module + ".weight"] = bnb.int8_vectorwise_dequant(codes, scale)
save("bitsandbytes_8", {"quant_method": "bitsandbytes", "load_in_8bit": True, "load_in_4bit": False,
                        "llm_int8_threshold": 6.0, "llm_int8_skip_modules": None}, tensors, expected)
tensors, expected = {}, {}
for number, (module, weight) in enumerate(WEIGHTS.items()):
    kind, nested = [("nf4", True), ("fp4", False), ("nf4", False)][number % 3]
    codes, state = bnb.quantize_4bit(weight.bfloat16(), blocksize=64, compress_statistics=nested, quant_type=kind)
    tensors[module + ".weight"] = codes
    tensors |= {f"{module}.weight.{part}": tensor for part, tensor in state.as_dict(packed=True).items()}
    # With rows shorter than a block, bitsandbytes 0.50 takes what it quantised back wrongly on CPUs.
    state.shape = torch.Size([weight.numel() // 64, 64])
    expected[module + ".weight"] = bnb.dequantize_4bit(codes, state).reshape(weight.shape)
save("bitsandbytes_4", {"quant_method": "bitsandbytes", "load_in_8bit": False, "load_in_4bit": True,
                        "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True,
                        "bnb_4bit_compute_dtype": "bfloat16"}, tensors, expected)


# MARK: MLX

def mlx_model(name, schemes, dtype):
    tensors, expected, others = {}, {}, {}
    for (module, weight), (mode, bits, size) in zip(WEIGHTS.items(), schemes):
        array = mx.array(weight.numpy()).astype(dtype)
        parts = mx.quantize(array, group_size=size, bits=bits, mode=mode)
        back = mx.dequantize(*[part.astype(mx.float32) if part.dtype == dtype else part for part in parts],
                             group_size=size, bits=bits, mode=mode)
        others[module] = {"group_size": size, "bits": bits, "mode": mode}
        for part, tensor in zip(["weight", "scales", "biases"], parts):
            array = np.array(tensor.view(mx.uint16) if tensor.dtype == mx.bfloat16 else tensor)
            tensors[f"{module}.{part}"] = (
                torch.from_numpy(array.view(np.int16)).view(torch.bfloat16) if tensor.dtype == mx.bfloat16
                else torch.from_numpy(array))
        expected[module + ".weight"] = torch.from_numpy(np.array(back.astype(mx.float32)))
    quantization = {"group_size": schemes[-1][2], "bits": schemes[-1][1]} | dict(list(others.items())[:-1])
    save(name, quantization, tensors, expected, key="quantization")


mlx_model("mlx", [("affine", 4, 32), ("affine", 8, 64), ("mxfp4", 4, 32), ("affine", 5, 32), ("nvfp4", 4, 16),
                  ("mxfp8", 8, 32), ("affine", 4, 32)], mx.float16)
mlx_model("mlx_bits", [("affine", bits, 32) for bits in [2, 3, 6, 4, 8, 4, 4]], mx.bfloat16)


# MARK: Model Optimizer

tensors, expected = {}, {}
for number, module in enumerate(MODULES):
    packed, expected[module + ".weight"] = compressed(module, *GROUPS["nvfp4"][1::-1]) if number % 2 else (None, None)
    if packed:
        tensors |= {module + ".weight": packed["weight_packed"], module + ".weight_scale": packed["weight_scale"],
                    module + ".weight_scale_2": 1 / packed["weight_global_scale"][0], module + ".input_scale": torch.tensor(0.1)}
    else:
        scale = WEIGHTS[module].abs().max() / 448
        codes = (WEIGHTS[module] / scale).to(torch.float8_e4m3fn)
        tensors |= {module + ".weight": codes, module + ".weight_scale": scale, module + ".input_scale": torch.tensor(0.1)}
        expected[module + ".weight"] = (codes.float() * scale).bfloat16()
save("modelopt", {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "ignore": ["lm_head"]}, tensors, expected)
