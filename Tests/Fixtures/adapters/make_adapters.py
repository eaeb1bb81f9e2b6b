"""Low-rank adapters of random weights for models of ../parity, as peft saves them, and the logits of the models with each
of them, in 64-bit floats. `llama_a.gguf` is one of them as llama.cpp has such files: rows of queries and keys in pairs.

usage: make_adapters.py      (pip install torch transformers peft safetensors gguf; transformers 5.24, peft 0.21)
"""
import pathlib
import shutil

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

OUT = pathlib.Path(__file__).parent
PROMPT = [5, 17, 9, 100, 33, 2, 7, 250, 81, 1, 44, 60, 60, 12, 199, 3, 18]
ADAPTERS = {
    "llama_a": ("llama", dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"])),
    "llama_b": ("llama", dict(r=3, lora_alpha=6, target_modules=["o_proj", "gate_proj"], use_rslora=True,
                              rank_pattern={"layers.1.mlp.gate_proj": 2}, alpha_pattern={"o_proj": 3})),
    "head": ("granitemoehybrid_dense_rope", dict(r=8, lora_alpha=8, target_modules=["lm_head", "out_proj"])),
    "hybrid": ("granitemoehybrid", dict(r=2, lora_alpha=5, target_modules=[
        "in_proj", "out_proj", "q_proj", "v_proj", "o_proj", "input_linear", "output_linear"], exclude_modules=r".*moe.*")),
}


def write_gguf(folder, file, heads, key_heads, scale):
    """The adapter as llama.cpp's converter writes it."""
    names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "down_proj": "ffn_down"}
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", scale)
    for key, value in sorted(load_file(folder / "adapter_model.safetensors").items()):
        parts = key.split(".")
        layer, module, half = parts[parts.index("layers") + 1], parts[-3], parts[-2][-1].lower()
        values = value.numpy()
        if half == "b" and module in ("q_proj", "k_proj"):
            count = heads if module == "q_proj" else key_heads
            rows, rank = values.shape
            values = values.reshape(count, 2, rows // count // 2, rank).swapaxes(1, 2).reshape(rows, rank)
        writer.add_tensor(f"blk.{layer}.{names[module]}.weight.lora_{half}", np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


torch.manual_seed(5)
torch.set_grad_enabled(False)
for name, (base, options) in ADAPTERS.items():
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(
        OUT.parent / "parity" / base, dtype=torch.float32, experts_implementation="eager").eval()
    plain = model.double()(torch.tensor([PROMPT])).logits[0]
    model = get_peft_model(model.float(), LoraConfig(task_type="CAUSAL_LM", **options)).eval()
    for key, value in model.named_parameters():
        if "lora_" in key:
            value.copy_(0.12 * torch.randn(value.shape))
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    logits = model.double()(torch.tensor([PROMPT])).logits[0]
    print(name, "moves logits by", (logits - plain).std().item(), "of", plain.std().item())
    config = folder / "adapter_config.json"
    config.write_text(config.read_text().replace(str(OUT.parent / "parity" / base), base))
    save_file({"input_ids": torch.tensor(PROMPT, dtype=torch.int32), "plain": plain.float().contiguous(),
               "logits": logits.float().contiguous()}, folder / "expected.safetensors")
write_gguf(OUT / "llama_a", OUT / "llama_a.gguf", 6, 2, 8)
