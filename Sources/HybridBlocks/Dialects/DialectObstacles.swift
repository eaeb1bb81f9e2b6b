internal import InferCore

// Features of models that llama.cpp lacks.

extension RotaryEmbedding {
  var obstacle: String? {
    switch frequencies.stretching {
    case .divided, .proportional: "divisors of rotary frequencies"
    case .none, .linear, .yarn: nil
    }
  }
}

extension Attention.Shape {
  /// Whether all heads together are as wide as the residual stream.
  var spansStream: Bool { queryHeads * headDimension == width }
}

extension Mamba1.Shape {
  var biasObstacle: String? {
    if projectionBias { return "biases of Mamba's projections" }
    return convolutionBias ? nil : "convolutions without bias"
  }
}

extension Mamba2.Shape {
  var biasObstacle: String? { inputBias || outputBias ? "biases of Mamba's projections" : nil }

  /// The obstacle for an architecture whose inner width llama.cpp takes to be twice the model's `width`.
  func obstacle(width: Int) -> String? {
    inner == 2 * width ? biasObstacle : "Mamba layers but of twice the model's width"
  }
}
