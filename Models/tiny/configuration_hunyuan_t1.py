"""The configuration of `hunyuan_t1` models, for transformers with `trust_remote_code`."""
from transformers import PreTrainedConfig

DEFAULTS = {
    "vocab_size": 1024, "hidden_size": 256, "layer_pattern": "MFMFAMFAMF",
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 32,
    "mamba_num_heads": 8, "mamba_head_dim": 64, "n_groups": 2, "ssm_state_size": 64, "conv_kernel": 4,
    "use_conv_bias": True, "chunk_size": 64,
    "num_experts": 8, "moe_topk": 2, "moe_intermediate_size": 128, "num_shared_experts": 1,
    "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-5, "hidden_act": "silu", "use_qk_norm": True,
    "max_position_embeddings": 4096, "tie_word_embeddings": True,
    "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 50.0, "factor": 1.0},
}


class HunyuanT1Config(PreTrainedConfig):
    model_type = "hunyuan_t1"

    def __init__(self, **given):
        values = {**DEFAULTS, **given}
        values["num_hidden_layers"] = len(values["layer_pattern"])
        # Whole sequences at every step: generation keeps no state here, which is what an engine is for.
        values["use_cache"] = False
        super().__init__(**values)
