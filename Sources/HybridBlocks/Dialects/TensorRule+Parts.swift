internal import InferCore

// Rules that several dialects have in common.

extension TensorRule {
  /// Embedding, last norm and head.
  static func frame(norm: String = "model.norm") -> [TensorRule] {
    [
      TensorRule("token_embd.weight", as: "model.embed_tokens.weight"),
      TensorRule("output_norm.weight", as: "\(norm).weight"), TensorRule("output.weight", as: "lm_head.weight"),
      TensorRule("cls.output.weight", as: "cls.output.weight"),
    ]
  }

  /// Projections of an attention layer under some prefix; where `heads` are given, query and key rows lie in pairs, those
  /// that are `rotated` or all.
  static func attention(
    _ prefix: String = "model.layers.{n}.self_attn", heads: Attention.Shape? = nil, rotated: Int? = nil,
    output: String = "o_proj"
  ) -> [TensorRule] {
    func form(_ count: Int?) -> TensorRule.Form { count.map { .pairs(heads: $0, rotated: rotated) } ?? .same }
    return [
      TensorRule("blk.{n}.attn_q.{s}", as: "\(prefix).q_proj.{s}", form(heads?.queryHeads)),
      TensorRule("blk.{n}.attn_k.{s}", as: "\(prefix).k_proj.{s}", form(heads?.keyHeads)),
      TensorRule("blk.{n}.attn_v.{s}", as: "\(prefix).v_proj.{s}"),
      TensorRule("blk.{n}.attn_output.{s}", as: "\(prefix).\(output).{s}"),
    ]
  }

  /// Norms of query and key heads.
  static func headNorms(
    _ prefix: String = "model.layers.{n}.self_attn", query: String = "q_norm", key: String = "k_norm"
  ) -> [TensorRule] {
    [
      TensorRule("blk.{n}.attn_q_norm.weight", as: "\(prefix).\(query).weight"),
      TensorRule("blk.{n}.attn_k_norm.weight", as: "\(prefix).\(key).weight"),
    ]
  }

  /// The two norms of a transformer's layer.
  static func layerNorms(second: String = "post_attention_layernorm") -> [TensorRule] {
    [
      TensorRule("blk.{n}.attn_norm.weight", as: "model.layers.{n}.input_layernorm.weight"),
      TensorRule("blk.{n}.ffn_norm.weight", as: "model.layers.{n}.\(second).weight"),
    ]
  }

  /// A gated feed-forward network, or with another suffix a shared expert.
  static func feedForward(_ prefix: String = "model.layers.{n}.mlp", suffix: String = "") -> [TensorRule] {
    ["gate", "up", "down"].map {
      TensorRule("blk.{n}.ffn_\($0)\(suffix).{s}", as: "\(prefix).\($0)_proj.{s}")
    }
  }

  /// Experts that stand one by one in the family and in stacks in the file.
  static func experts(
    _ count: Int, _ prefix: String = "model.layers.{n}.mlp.experts", names: [String] = ["gate", "up", "down"]
  ) -> [TensorRule] {
    names.map { TensorRule("blk.{n}.ffn_\($0)_exps.weight", as: "\(prefix).{e}.\($0)_proj.weight", .experts(count)) }
  }

  /// A bias that experts are chosen with: files have it with and without a suffix.
  static func selectionBias(_ name: String) -> [TensorRule] {
    [TensorRule("blk.{n}.exp_probs_b.bias", as: name), TensorRule("blk.{n}.exp_probs_b", as: name)]
  }

  /// A Mamba layer under some prefix.
  static func mamba1(_ prefix: String) -> [TensorRule] {
    ["in": "in_proj", "x": "x_proj", "dt": "dt_proj", "out": "out_proj"].sorted { $0.key < $1.key }.map {
      TensorRule("blk.{n}.ssm_\($0).{s}", as: "\(prefix).\($1).{s}")
    } + [
      TensorRule("blk.{n}.ssm_conv1d.weight", as: "\(prefix).conv1d.weight", .convolution),
      TensorRule("blk.{n}.ssm_conv1d.bias", as: "\(prefix).conv1d.bias"),
      TensorRule("blk.{n}.ssm_a", as: "\(prefix).A_log", .rates(isColumn: false)),
      TensorRule("blk.{n}.ssm_d", as: "\(prefix).D"),
    ]
  }

  /// A Mamba-2 layer under some prefix.
  static func mamba2(_ prefix: String, _ shape: Mamba2.Shape) -> [TensorRule] {
    [
      TensorRule("blk.{n}.ssm_in.{s}", as: "\(prefix).in_proj.{s}"),
      TensorRule("blk.{n}.ssm_conv1d.weight", as: "\(prefix).conv1d.weight", .convolution),
      TensorRule("blk.{n}.ssm_conv1d.bias", as: "\(prefix).conv1d.bias"),
      TensorRule("blk.{n}.ssm_dt.bias", as: "\(prefix).dt_bias"),
      TensorRule("blk.{n}.ssm_a", as: "\(prefix).A_log", .rates(isColumn: true)),
      TensorRule("blk.{n}.ssm_d", as: "\(prefix).D", .vector(inFile: [shape.heads, 1])),
      TensorRule(
        "blk.{n}.ssm_norm.weight", as: "\(prefix).norm.weight",
        .vector(inFile: [shape.groups, shape.inner / shape.groups])),
      TensorRule("blk.{n}.ssm_out.{s}", as: "\(prefix).out_proj.{s}"),
    ]
  }
}
