/// A conversation that a client names.
public struct SessionName: Sendable, Hashable {
  /// The name, compared by bytes.
  public let bytes: [UInt8]
  /// The requests that its state may be shared with.
  public let scope: CacheScope

  /// The session of a name, among those of a scope.
  public init(_ name: String, in scope: CacheScope = .shared) {
    bytes = Array(name.utf8)
    self.scope = scope
  }

  /// The name.
  public var name: String { String(decoding: bytes, as: UTF8.self) }
}

/// The tokens of each session's last request, of a bounded number of sessions.
final class EngineSessions: Sendable {
  private struct Contents {
    var tokens: [SessionName: (tokens: [Int32], use: Int)] = [:]
    var uses = 0
    var tokenCount = 0
  }

  private let maxCount: Int
  private let maxTokens: Int
  private let contents = Monitor(Contents())

  /// - Parameters:
  ///   - maxCount: The maximum number of sessions; those used longest ago are forgotten.
  ///   - maxTokens: The maximum number of tokens of all together; likewise.
  init(maxCount: Int = 4096, maxTokens: Int = 1 << 24) {
    self.maxCount = maxCount
    self.maxTokens = maxTokens
  }

  /// Remembers the tokens of a session in place of those before.
  func note(_ session: SessionName, _ tokens: [Int32]) {
    contents.withLock { contents in
      Self.forget(session, &contents)
      contents.uses += 1
      contents.tokens[session] = (tokens, contents.uses)
      contents.tokenCount += tokens.count
      while contents.tokens.count > 1, contents.tokens.count > maxCount || contents.tokenCount > maxTokens,
        let oldest = contents.tokens.min(by: { $0.value.use < $1.value.use })?.key
      {
        Self.forget(oldest, &contents)
      }
    }
  }

  /// The tokens of a session; `nil` when it is not known.
  func tokens(of session: SessionName) -> [Int32]? { contents.withLock { $0.tokens[session]?.tokens } }

  /// The sessions of a scope and the numbers of their tokens, by name.
  func all(in scope: CacheScope) -> [(name: SessionName, tokens: Int)] {
    let all = contents.withLock { $0.tokens.map { (name: $0.key, tokens: $0.value.tokens.count) } }
    return all.filter { $0.name.scope == scope }.sorted { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
  }

  /// Forgets a session. Returns `false` when it was not known.
  func forget(_ session: SessionName) -> Bool { contents.withLock { Self.forget(session, &$0) } }

  @discardableResult private static func forget(_ session: SessionName, _ contents: inout Contents) -> Bool {
    guard let entry = contents.tokens.removeValue(forKey: session) else { return false }
    contents.tokenCount -= entry.tokens.count
    return true
  }
}
