/// An adapter that a model was loaded with: requests choose it by its name, ``GenerationRequest/adapter``.
public struct ModelAdapter: Sendable, Hashable {
  /// The name.
  public let name: String
  /// A hash of all that it adds to the model.
  package let hash: [UInt8]

  /// An adapter of a name.
  package init(name: String, hash: [UInt8]) {
    self.name = name
    self.hash = hash
  }
}

extension CacheScope {
  /// This scope's part for sequences with an adapter, whose state is another's with the same tokens.
  package func adapted(by adapter: ModelAdapter?) -> CacheScope {
    guard let adapter else { return self }
    // A byte that no text has, and a hash of known length: no other scope begins so.
    return CacheScope(salt: [0xFE] + adapter.hash + salt)
  }

  /// The adapter whose part of a scope this is, `nil` for none, and the rest of the salt.
  package func parts(of adapters: [ModelAdapter]) -> (adapter: ModelAdapter?, salt: ArraySlice<UInt8>) {
    let own = adapters.first { salt.starts(with: [0xFE] + $0.hash) }
    return (own, salt.dropFirst(own.map { $0.hash.count + 1 } ?? 0))
  }
}
