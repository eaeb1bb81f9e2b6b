"""The configuration of `hunyuan_t1` models, for transformers with `trust_remote_code`."""
from transformers import PreTrainedConfig


class HunyuanT1Config(PreTrainedConfig):
    model_type = "hunyuan_t1"

    def __init__(
        self,
        vocab_size=1024,
        hidden_size=256,
        layer_pattern="MFMFAMFMF",
        num_attention_heads=8,
        num_key_value_heads=2,
        head_dim=32,
        mamba_num_heads=8,
        mamba_head_dim=64,
        n_groups=2,
        ssm_state_size=64,
        conv_kernel=4,
        use_conv_bias=True,
        chunk_size=64,
        num_experts=8,
        moe_topk=2,
        moe_intermediate_size=128,
        num_shared_experts=1,
        num_nextn_predict_layers=1,
        rms_norm_eps=1e-5,
        hidden_act="silu",
        use_qk_norm=True,
        max_position_embeddings=4096,
        rope_parameters=None,
        tie_word_embeddings=True,
        **others,
    ):
        self.vocab_size, self.hidden_size, self.layer_pattern = vocab_size, hidden_size, layer_pattern
        self.num_hidden_layers = len(layer_pattern)
        self.num_attention_heads, self.num_key_value_heads = num_attention_heads, num_key_value_heads
        self.head_dim = head_dim
        self.mamba_num_heads, self.mamba_head_dim = mamba_num_heads, mamba_head_dim
        self.n_groups, self.ssm_state_size = n_groups, ssm_state_size
        self.conv_kernel, self.use_conv_bias, self.chunk_size = conv_kernel, use_conv_bias, chunk_size
        self.num_experts, self.moe_topk, self.moe_intermediate_size = num_experts, moe_topk, moe_intermediate_size
        self.num_shared_experts, self.num_nextn_predict_layers = num_shared_experts, num_nextn_predict_layers
        self.rms_norm_eps, self.hidden_act, self.use_qk_norm = rms_norm_eps, hidden_act, use_qk_norm
        self.max_position_embeddings = max_position_embeddings
        self.rope_parameters = rope_parameters or {
            "rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 50.0, "factor": 1.0
        }
        # Whole sequences at every step: generation keeps no state here, which is what an engine is for.
        others["use_cache"] = False
        super().__init__(tie_word_embeddings=tie_word_embeddings, **others)
