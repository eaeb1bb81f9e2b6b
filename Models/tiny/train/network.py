"""The network of the parent folder, which transformers reads as well, for the scripts of this one."""
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME.parent))

import torch  # noqa: E402

configuration = __import__(f"{HOME.name}.configuration_hunyuan_t1", fromlist=["HunyuanT1Config"])
modeling = __import__(f"{HOME.name}.modeling_hunyuan_t1", fromlist=["MoE"])
MoE = modeling.MoE


def new_model():
    """A model with random weights, of the configuration of the parent folder, in f32."""
    config = configuration.HunyuanT1Config.from_json_file(HOME / "config.json")
    config.dtype = torch.float32
    return modeling.HunyuanT1ForCausalLM(config).float()
