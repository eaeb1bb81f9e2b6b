public import Foundation

/// The state of a prefix in a file.
public struct SavedState: Sendable, Equatable {
  /// The tokens whose state it is.
  public let tokens: [Int32]
  /// The size of the file in bytes.
  public let byteCount: Int
}

// State in files: keys, values and recurrent state of a prefix, for the same model in another engine or after a restart.
extension Engine {
  /// Saves the state of the longest prefix of `tokens` from which the prefix cache can go on, and the kept states that
  /// stand last in it: after the answer, before it, and where the last message ends and begins. Requests run on meanwhile.
  ///
  /// - Parameters:
  ///   - tokens: The tokens of a request that has ended, prompt and answer, or of one under way.
  ///   - scope: The scope of that request.
  ///   - url: The file. A file that is there is replaced once the new one is whole.
  /// - Returns: The tokens whose state is in the file.
  /// - Throws: ``StateFileError`` when nothing is kept of the tokens, or when the file cannot be written; then none is
  ///   left.
  public func save(
    _ tokens: [Int32], in scope: CacheScope = .shared, to url: URL
  ) async throws(StateFileError) -> SavedState {
    let files = try stateFiles()
    guard url.isFileURL else { throw .unwritable(WriteError(at: url, reason: Self.isElsewhere)) }
    return try await Self.onOwnThread { [inbox] () throws(StateFileError) in
      // A loan that running requests needed is asked for again.
      for _ in 0..<3 {
        guard let found = inbox.ask({ $0.lend(tokens, in: scope) }) else { throw .shutdown }
        guard let lease = found else { throw .nothingKept }
        defer { inbox.perform { $0.end(lease) } }
        let headers = files.writer.headers(lease)
        do throws(WriteError) {
          guard try files.write(lease, headers, to: url) else { continue }
        } catch { throw .unwritable(error) }
        return SavedState(tokens: lease.tokens, byteCount: headers.reduce(0) { $0 + $1.recordByteCount })
      }
      throw .outOfMemory
    }
  }

  /// Puts the state of a file into the prefix cache, so that requests that begin with its tokens go on from there.
  ///
  /// - Parameters:
  ///   - url: A file that ``save(_:in:to:)`` wrote.
  ///   - scope: The scope that it was saved in.
  /// - Returns: The tokens whose state is there now.
  /// - Throws: ``StateFileError`` when there is no such file, when it is damaged, another model's or another scope's, or
  ///   when running requests need the memory. Nothing has changed then.
  public func restore(
    from url: URL, in scope: CacheScope = .shared
  ) async throws(StateFileError) -> SavedState {
    let files = try stateFiles()
    guard url.isFileURL else { throw .unreadable(at: url, reason: Self.isElsewhere) }
    let maxTokens = limits.rows.tokenCount(of: limits.pageCount)
    return try await Self.onOwnThread { [inbox] () throws(StateFileError) in
      let reader = try StateFileReader(at: url, maxTokens: maxTokens)
      let header = reader.headers[0]
      if let difference = header.identity.difference(from: files.identity) {
        throw .foreign(at: url, difference: difference)
      }
      guard header.scope == scope.hash else { throw .otherScope(at: url) }
      guard header.start == 0 else { throw .damaged(at: url, reason: "it begins at token \(header.start)") }
      let (tokens, positions) = (reader.headers.flatMap(\.tokens), reader.headers.map(\.end))
      guard let reserved = inbox.ask({ $0.reserve(tokens, states: positions, in: scope) }) else { throw .shutdown }
      guard let lease = reserved else { throw .outOfMemory }
      let isRead: Bool
      do throws(StateFileError) {
        let first = lease.whole * files.store.pageTokens
        isRead = try files.read(lease, from: first, [url]) { () throws(StateFileError) in
          for index in reader.headers.indices {
            guard try reader.read(index, into: lease, from: first, files.store) else { return false }
          }
          return true
        }
      } catch {
        _ = inbox.ask { $0.end(lease) }
        throw error
      }
      guard isRead, inbox.ask({ $0.adopt(lease) }) ?? false else { throw .outOfMemory }
      return SavedState(tokens: tokens, byteCount: reader.byteCount)
    }
  }

  private static let isElsewhere = "it is not on this machine, expected a file's URL"

  /// Removes a file that ``save(_:in:to:)`` wrote. Returns `false` when there is none.
  @discardableResult public func removeState(at url: URL) -> Bool {
    otherFiles?.remove([url.path(percentEncoded: false)])
    return (try? FileManager.default.removeItem(at: url)) != nil
  }

  private func stateFiles() throws(StateFileError) -> StateFiles {
    guard keepsPrefixes else { throw .unsupported(reason: "the prefix cache is turned off") }
    guard let identity else { throw .unsupported(reason: "the model has no fingerprint") }
    return StateFiles(identity: identity, store: store, others: otherFiles, isRounded: false)
  }

  /// Runs work that waits for files on a thread of its own.
  private static func onOwnThread<Result: Sendable>(
    _ work: @escaping @Sendable () throws(StateFileError) -> Result
  ) async throws(StateFileError) -> Result {
    let result: Swift.Result<Result, StateFileError> = await withCheckedContinuation { continuation in
      do throws(ModelError) {
        try startDetachedThread("infer-state") {
          do throws(StateFileError) { continuation.resume(returning: .success(try work())) } catch {
            continuation.resume(returning: .failure(error))
          }
        }
      } catch {
        continuation.resume(returning: .failure(.unsupported(reason: error.description)))
      }
    }
    return try result.get()
  }

  // MARK: Sessions

  /// The tokens of a session's last request, see ``GenerationRequest/session``, as far as they were computed: the last one
  /// of an answer is not. `nil` when the session is not known, as those used longest ago are not.
  public func tokens(of session: SessionName) -> [Int32]? { sessions.tokens(of: session) }

  /// Remembers the tokens of a session, as after a request of it.
  public func note(_ session: SessionName, tokens: [Int32]) { sessions.note(session, tokens) }

  /// The sessions of a scope that are known, and the numbers of their tokens.
  public func knownSessions(in scope: CacheScope = .shared) -> [(name: SessionName, tokens: Int)] {
    sessions.all(in: scope)
  }

  /// Forgets a session. Returns `false` when it was not known.
  @discardableResult public func forget(_ session: SessionName) -> Bool { sessions.forget(session) }
}
