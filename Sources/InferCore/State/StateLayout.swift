/// The name of one piece of per-sequence state of a model; see ``StateLayout/add(_:window:)``.
public struct StateHandle: Sendable, Hashable {
  /// Position in `StateLayout.kinds`.
  package let index: Int
  /// The stage whose layers have the piece.
  package let stage: Int

  /// The name of a piece.
  package init(index: Int, stage: Int = 0) {
    self.index = index
    self.stage = stage
  }
}

/// The shape of a piece of state, and its growth with the sequence.
public enum StateKind: Sendable, Hashable {
  /// State that grows with every token (attention keys and values): `2 · heads · headDimension` elements a token in the
  /// cache's ``KVType``, in heads of `headDimension` elements.
  case paged(heads: Int, headDimension: Int)
  /// State that grows with every token by one row of `dimension` elements in the cache's ``KVType``, which is the key
  /// of all heads, and whose first elements are their value (multi-head latent attention).
  case latent(dimension: Int)
  /// State of one size for the whole life of a sequence (state-space models): `count` floats, overwritten in place. They
  /// are zero before a sequence's first token.
  case recurrent(count: Int)
}

extension StateKind {
  /// A page's stretches, in each of which the rows of its tokens lie one after another: the keys of a head or its
  /// values, or latent rows. None for recurrent state.
  func stretches(_ type: KVType) -> (count: Int, bytesPerToken: Int) {
    switch self {
    case .paged(let heads, let headDimension): (2 * heads, type.bytes(headDimension))
    case .latent(let dimension): (1, type.bytes(dimension))
    case .recurrent: (0, 0)
    }
  }

  /// The bytes that a token takes in pages; 0 for recurrent state.
  func bytesPerToken(_ type: KVType) -> Int {
    let stretches = stretches(type)
    let (bytes, overflow) = stretches.count.multipliedReportingOverflow(by: stretches.bytesPerToken)
    return overflow ? .max : bytes
  }
}

/// All per-sequence state of a model, declared once while it loads.
///
/// A mixer adds the pieces that it needs, and keeps their handles. The engine has them for every sequence, shares, copies and
/// stores them, and what reads and writes them in a step is given the handle: ``recurrence(_:state:parts:into:_:_:)``,
/// ``causalConvolution(_:weight:bias:taps:silu:history:into:_:)``,
/// ``attend(queries:queryHeads:heads:headDimension:scale:cap:sinks:rowSinks:biases:cache:into:_:)`` and others.
public struct StateLayout: Sendable {
  /// Every declared piece, in order of declaration.
  package private(set) var kinds: [StateKind] = []
  /// For each piece, the number of tokens that are looked back at; `nil` for all.
  package private(set) var windows: [Int?] = []
  /// For each piece, the stage whose layers have it.
  private var stages: [Int] = []
  /// The stage that is computed here: others' pieces have numbers, as everywhere, and no memory.
  private let stage: Int

  /// A layout of a model without state.
  public init() { self.init(stage: 0) }

  /// The layout of a stage of a model.
  package init(stage: Int) { self.stage = stage }

  /// `true` for a piece of the layers that are computed here.
  func isHere(_ index: Int) -> Bool { stages[index] == stage }

  /// Declares a piece of state and returns its handle. Several layers may use one piece.
  ///
  /// - Parameters:
  ///   - kind: the shape of the piece.
  ///   - window: of a paged piece, the number of tokens that each token looks at, itself among them (sliding
  ///     window: Beltagy et al. 2020, arXiv 2004.05150); `nil` for all. What lies behind the windows of all tokens to come is
  ///     given up.
  /// - Precondition: Sizes are above zero, and so is the window; a recurrent piece may have no floats. Only a paged
  ///   piece has a window.
  public mutating func add(_ kind: StateKind, window: Int? = nil) -> StateHandle {
    add(kind, window: window, stage: stage)
  }

  /// Declares a piece of state of a layer that a stage has; see ``add(_:window:)``.
  package mutating func add(_ kind: StateKind, window: Int? = nil, stage: Int) -> StateHandle {
    precondition(window.map { $0 > 0 } ?? true, "a window of \(window ?? 0) tokens")
    switch kind {
    case .paged(let heads, let headDimension):
      precondition(heads > 0 && headDimension > 0, "\(heads) heads of \(headDimension) elements")
    case .latent(let dimension): precondition(dimension > 0 && window == nil, "rows of \(dimension) elements")
    case .recurrent(let count): precondition(count >= 0 && window == nil, "\(count) floats")
    }
    kinds.append(kind)
    windows.append(window)
    stages.append(stage)
    return StateHandle(index: kinds.count - 1, stage: stage)
  }

  /// The number of floats of a recurrent piece; traps for another.
  func recurrentCount(of handle: StateHandle) -> Int {
    guard kinds.indices.contains(handle.index), case .recurrent(let count) = kinds[handle.index] else {
      preconditionFailure("piece \(handle.index) of \(kinds), expected recurrent state")
    }
    return count
  }

  /// Traps unless a piece is of a kind.
  func expect(_ kind: StateKind, at handle: StateHandle) {
    precondition(
      kinds.indices.contains(handle.index) && kinds[handle.index] == kind,
      "piece \(handle.index) of \(kinds), expected \(kind)")
  }

  /// The reason for which the heads of paged pieces cannot be stored in this format; `nil` when they can.
  package func check(_ type: KVType) -> String? {
    for kind in kinds {
      let dimension: Int
      switch kind {
      case .paged(_, let headDimension): dimension = headDimension
      case .latent(let rowDimension): dimension = rowDimension
      case .recurrent: continue
      }
      guard dimension % type.blockElements == 0 else {
        return "\(type.rawValue) needs heads of a multiple of \(type.blockElements) elements, and this model's have "
          + "\(dimension); f16 takes any"
      }
    }
    return nil
  }

  /// The paged pieces in groups.
  package var pageGroups: PageGroups { PageGroups(kinds, windows: windows) }

  /// The bytes that one page of `tokens` tokens takes over all its pieces, in the stage where they are most; ``mostBytes`` where
  /// they are more.
  package func pageBytes(tokens: Int, type: KVType) -> Int {
    mostOfStages { stage in
      laneBytesPerToken(type, in: stage).reduce(0) { sum, lane in
        let (bytes, overflow) = tokens.multipliedReportingOverflow(by: lane)
        return Self.sum(sum, overflow ? .max : bytes)
      }
    }
  }

  /// The largest of what stages take: all of them have as many pages and slots.
  private func mostOfStages(_ bytes: (Int) -> Int) -> Int { (0...(stages.max() ?? 0)).map(bytes).max() ?? 0 }

  /// The bytes that every further token of a sequence takes, beyond the windows; ``mostBytes`` where they are more.
  package func bytesPerToken(_ type: KVType) -> Int {
    kinds.indices.reduce(0) { sum, piece in
      guard isHere(piece), windows[piece] == nil else { return sum }
      return Self.sum(sum, kinds[piece].bytesPerToken(type))
    }
  }

  /// The bytes of the windows of a sequence of a number of tokens; ``mostBytes`` where they are more.
  package func windowBytes(tokens: Int, _ type: KVType) -> Int {
    kinds.indices.reduce(0) { sum, piece in
      guard isHere(piece), let window = windows[piece] else { return sum }
      let (bytes, overflow) = min(window, tokens).multipliedReportingOverflow(by: kinds[piece].bytesPerToken(type))
      return Self.sum(sum, overflow ? .max : bytes)
    }
  }

  /// The bytes that a token takes in each lane of a page here: those of the largest piece there.
  func laneBytesPerToken(_ type: KVType) -> [Int] { laneBytesPerToken(type, in: stage) }

  private func laneBytesPerToken(_ type: KVType, in stage: Int) -> [Int] {
    let groups = pageGroups
    var lanes = [Int](repeating: 0, count: groups.laneCount)
    for (piece, place) in groups.places.enumerated() where stages[piece] == stage {
      if let place { lanes[place.lane] = max(lanes[place.lane], kinds[piece].bytesPerToken(type)) }
    }
    return lanes
  }

  /// The bytes that one sequence takes over all recurrent pieces, each rounded up to whole cache lines, in the stage where they
  /// are most; ``mostBytes`` where they are more.
  package var slotBytes: Int { slotBytes { $0 * MemoryLayout<Float>.stride } }

  /// The bytes of the same in a cold slot; see ``ColdFormat``.
  var coldSlotBytes: Int { slotBytes(ColdFormat.byteCount) }

  private func slotBytes(_ byteCount: (Int) -> Int) -> Int {
    mostOfStages { stage in
      kinds.indices.reduce(0) { sum, piece in
        guard stages[piece] == stage, case .recurrent(let count) = kinds[piece] else { return sum }
        return Self.sum(sum, count > Self.mostBytes / 8 ? .max : StateStore.lines(byteCount(count)))
      }
    }
  }

  /// The bound of all sums of bytes: more than any machine has, so that an engine refuses them, and far enough from what an
  /// integer can count.
  static let mostBytes = 1 << 56

  private static func sum(_ a: Int, _ b: Int) -> Int { min(a, mostBytes) + min(b, mostBytes - min(a, mostBytes)) }
}

/// Element format of the attention cache.
public enum KVType: String, Sendable, CaseIterable {
  /// 32-bit floats, with which parity is measured.
  case f32
  /// 16-bit floats: half the bytes; the default for serving.
  case f16

  /// 8-bit integers, with a 16-bit scale for each 32 of them (GGUF's Q8_0): little more than half the bytes again.
  /// Heads must be multiples of 32 elements; see `StateLayout.check(_:)`.
  case q8_0

  /// The number of elements that are stored together.
  package var blockElements: Int { self == .q8_0 ? 32 : 1 }

  /// The bytes of a head of `count` elements, a multiple of ``blockElements``.
  package func bytes(_ count: Int) -> Int {
    let count = min(count, StateLayout.mostBytes)
    return switch self {
    case .f32: count * 4
    case .f16: count * 2
    case .q8_0: count / 32 * 34
    }
  }
}
