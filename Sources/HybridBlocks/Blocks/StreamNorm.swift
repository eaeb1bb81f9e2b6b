public import InferCore

/// A norm of the residual stream itself, as before the first layer of RWKV: `h = norm(h)`.
public struct StreamNorm: Block {
  let norm: any Norm

  /// A block of a norm.
  public init(_ norm: any Norm) { self.norm = norm }

  /// `N`
  public var letter: Character { "N" }
  /// None: it is no layer.
  public var letters: String { "" }
  /// None.
  public var idleParameterCount: Int { 0 }
  /// `true`: small, and computed by every rank for itself.
  public var isDivisible: Bool { true }

  /// Normalises all rows of the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var normed = step.take(rows: h.count, columns: h.columns)
    norm.apply(h.rows, into: &normed, step)
    assign(normed.rows, scale: 1, to: &h, step)
  }
}

/// A factor on the residual stream: `h = scale · h`.
public struct StreamScale: Block {
  let scale: Float

  /// A block of a factor.
  public init(_ scale: Float) { self.scale = scale }

  /// `N`
  public var letter: Character { "N" }
  /// None: it is no layer.
  public var letters: String { "" }
  /// None.
  public var idleParameterCount: Int { 0 }
  /// `true`: small, and computed by every rank for itself.
  public var isDivisible: Bool { true }

  /// Scales all rows of the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) { InferCore.scale(&h, by: scale, step) }
}
