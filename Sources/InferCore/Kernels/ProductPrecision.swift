/// How much of activations products of 16-bit weights keep where the instruction set splits them.
package enum ProductPrecision: Sendable {
  /// Sixteen bits of a significand.
  case usual
  /// All of it, at half more work: for products whose errors grow behind them.
  case whole

  /// How many numbers of bfloat16 stand for an activation.
  var parts: Int32 {
    switch self {
    case .usual: 2
    case .whole: 3
    }
  }
}
