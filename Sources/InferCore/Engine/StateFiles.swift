internal import Foundation

/// Files of state of an engine: rank 0's, with those of other ranks that have parts of the state beside them.
struct StateFiles: Sendable {
  let identity: StateIdentity
  let store: StateStore
  /// The other ranks' files; `nil` where there are no other ranks.
  let others: RankFiles?
  /// See ``StateIdentity``.
  let isRounded: Bool

  /// Writes files with headers of the identity.
  var writer: StateFileWriter { StateFileWriter(identity: identity, store: store) }

  /// Writes the state of a prefix, whole or not at all, on all ranks.
  ///
  /// - Returns: `false` when the loan was taken back.
  /// - Throws: ``WriteError``; then no file is left.
  func write(_ lease: PrefixLease, _ headers: [StateFileHeader], to url: URL) throws(WriteError) -> Bool {
    guard let others else { return try writer.write(lease, headers, to: url) }
    let path = url.path(percentEncoded: false)
    let task = others.write(lease, records: headers.map { $0.start..<$0.end }, file: path, isRounded: isRounded)
    let own: Result<Bool, WriteError>
    do throws(WriteError) { own = .success(try writer.write(lease, headers, to: url)) } catch { own = .failure(error) }
    let outcome = others.outcome(of: task)
    if outcome == .done, case .success(true) = own { return true }
    remove([url])
    if case .failed(let reason) = outcome { throw WriteError(at: url, reason: reason) }
    _ = try own.get()
    return false
  }

  /// Reads the state of a prefix on all ranks: on this one as `body` does, which returns `false` when the loan was taken back.
  ///
  /// - Parameters:
  ///   - first: The first position whose rows are read; those before are there.
  ///   - files: The files that hold the positions from there on, one behind another.
  /// - Throws: ``StateFileError`` that `body` throws, or that names the rank that cannot read its part.
  func read(
    _ lease: PrefixLease, from first: Int, _ files: [URL], _ body: () throws(StateFileError) -> Bool
  ) throws(StateFileError) -> Bool {
    guard let others else { return try body() }
    let task = others.read(
      lease, from: first, files: files.map { $0.path(percentEncoded: false) }, isRounded: isRounded)
    let own: Result<Bool, StateFileError>
    do throws(StateFileError) { own = .success(try body()) } catch { own = .failure(error) }
    let outcome = others.outcome(of: task)
    guard try own.get() else { return false }
    switch outcome {
    case .done: return true
    case .takenBack: return false
    case .failed(let reason):
      throw .unreadable(at: files.last ?? URL(filePath: "/"), reason: reason)
    }
  }

  /// Removes files on all ranks.
  func remove(_ files: [URL]) {
    for file in files { try? FileManager.default.removeItem(at: file) }
    others?.remove(files.map { $0.path(percentEncoded: false) })
  }
}
