internal import InferText

/// The model, the formats and the layout that state is of: only an engine that agrees in all of them can go on from it.
struct StateIdentity: Sendable, Equatable {
  /// The version of the format of files, and of what the bytes of state mean.
  static let version: UInt32 = 1

  let model: [UInt8]
  let kvType: KVType
  let pageTokens: Int
  /// A hash of the pieces of state.
  let layout: [UInt8]
  /// The same over all of these.
  let hash: [UInt8]

  /// The identity of the state of a model of a fingerprint.
  ///
  /// - Parameters:
  ///   - isRounded: `true` for state that may come of cold states, which nobody goes on from who has none.
  ///   - grid: The ranks that have a part of the state each.
  init(
    _ model: ModelFingerprint, _ layout: StateLayout, kvType: KVType, pageTokens: Int, isRounded: Bool = false,
    grid: RankGrid? = nil
  ) {
    self.init(
      model: model.bytes, kvType: kvType, pageTokens: pageTokens, layout: Self.hash(layout, isRounded, grid))
  }

  init(model: [UInt8], kvType: KVType, pageTokens: Int, layout: [UInt8]) {
    self.model = model
    self.kvType = kvType
    self.pageTokens = pageTokens
    self.layout = layout
    var hash = SHA256()
    hash.update(data: model + layout)
    hash.update(data: Array("\(Self.version) \(kvType.rawValue) \(pageTokens)".utf8))
    self.hash = hash.finalize()
  }

  private static func hash(_ layout: StateLayout, _ isRounded: Bool, _ grid: RankGrid?) -> [UInt8] {
    var pieces = zip(layout.kinds, layout.windows).map { kind, window in
      let piece =
        switch kind {
        case .paged(let heads, let headDimension): "paged \(heads) \(headDimension)"
        case .latent(let dimension): "latent \(dimension)"
        case .recurrent(let count): "recurrent \(count)"
        }
      return window.map { "\(piece) window \($0)" } ?? piece
    }
    if isRounded { pieces.append("rounded") }
    if let grid { pieces.append("rank \(grid.job.rank) of \(grid.job.size) in \(grid.stages) stages") }
    return SHA256.hash(data: Array(pieces.joined(separator: ",").utf8))
  }

  /// The property in which another state differs, for people; `nil` when it is of the same kind.
  func difference(from other: StateIdentity) -> String? {
    if model != other.model { return "it is another model's (other weights, configuration or quantisation)" }
    if kvType != other.kvType {
      return "its keys and values are \(kvType.rawValue), the engine's are \(other.kvType.rawValue)"
    }
    if pageTokens != other.pageTokens {
      return "its pages have \(pageTokens) tokens, the engine's have \(other.pageTokens)"
    }
    return layout == other.layout ? nil : "its pieces of state are others than the model's"
  }
}

/// A hash of a prefix: of whose state it is, who may share it, and all its tokens.
struct StateKey: Sendable, Hashable {
  static let byteCount = SHA256.byteCount

  let bytes: [UInt8]

  /// The bytes as hexadecimal digits.
  var name: String { bytes.hexadecimal }

  /// Computes keys of prefixes of one sequence, each of which begins with the one before.
  struct Hasher: Sendable {
    private var hash = SHA256()

    init(_ identity: StateIdentity, scope: [UInt8]) { hash.update(data: identity.hash + scope) }

    mutating func add(_ tokens: some Collection<Int32>) { hash.update(data: tokens.littleEndianBytes) }

    var key: StateKey { StateKey(bytes: hash.finalize()) }
  }
}

extension CacheScope {
  /// A hash of the salt, which stands for it in files.
  package var hash: [UInt8] { SHA256.hash(data: Array("infer-serve cache scope".utf8) + salt) }
}
