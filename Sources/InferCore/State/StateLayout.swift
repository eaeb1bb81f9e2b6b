/// Names one piece of per-sequence state of a model: an index into ``StateLayout/kinds``.
public struct StateHandle: Sendable, Hashable {
  /// Position in ``StateLayout/kinds``.
  public let index: Int
}

/// How a piece of state grows with its sequence.
public enum StateKind: Sendable, Hashable {
  /// Grows with every token (attention keys and values): `2 · heads · headDimension` elements a token in the
  /// cache's ``KVType``, in heads of `headDimension` elements.
  case paged(heads: Int, headDimension: Int)
  /// Has one size for the whole life of a sequence (state-space models): `count` floats, overwritten in place.
  case recurrent(count: Int)
}

/// All per-sequence state of a model, declared once while it loads.
public struct StateLayout: Sendable {
  /// Every declared piece, in order of declaration.
  public private(set) var kinds: [StateKind] = []

  /// A layout of a model without state.
  public init() {}

  /// Declares a piece of state and returns its handle.
  public mutating func add(_ kind: StateKind) -> StateHandle {
    kinds.append(kind)
    return StateHandle(index: kinds.count - 1)
  }

  /// Bytes that one page of `tokens` tokens takes over all paged pieces.
  public func pageBytes(tokens: Int, type: KVType) -> Int {
    kinds.reduce(0) { sum, kind in
      guard case .paged(let heads, let headDimension) = kind else { return sum }
      return sum + tokens * 2 * heads * type.bytes(headDimension)
    }
  }

  /// Bytes that one sequence takes over all recurrent pieces, each rounded up to whole cache lines.
  public var slotBytes: Int {
    kinds.reduce(0) { sum, kind in
      guard case .recurrent(let count) = kind else { return sum }
      return sum + ((count * MemoryLayout<Float>.stride + 63) & ~63)
    }
  }
}

/// Element format of the attention cache.
public enum KVType: String, Sendable, CaseIterable {
  /// 32-bit floats: what parity is measured with.
  case f32
  /// 16-bit floats: half the bytes; the default for serving.
  case f16

  /// Bytes of a head of `count` elements.
  public func bytes(_ count: Int) -> Int {
    switch self {
    case .f32: count * 4
    case .f16: count * 2
    }
  }
}
