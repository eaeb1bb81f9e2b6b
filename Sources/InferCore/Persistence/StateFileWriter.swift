internal import Foundation

/// Writes files of state.
struct StateFileWriter {
  let identity: StateIdentity
  let store: StateStore

  /// The header of a record of a prefix.
  ///
  /// - Parameters:
  ///   - lease: The prefix, or one that begins with it.
  ///   - positions: The positions of the record's tokens.
  ///   - parent: The key of the prefix before them; `nil` for none.
  ///   - following: The number of records that follow in the file.
  func header(
    _ lease: PrefixLease, _ positions: Range<Int>, parent: StateKey?, following: Int = 0
  ) -> StateFileHeader {
    StateFileHeader(
      identity: identity, scope: lease.scope.hash, following: following,
      parent: parent ?? StateKey(bytes: Array(repeating: 0, count: StateKey.byteCount)), start: positions.lowerBound,
      tokens: Array(lease.tokens[positions]),
      stateByteCount: store.layout.bytes(of: positions, type: store.kvType))
  }

  /// The headers of a file of a whole prefix, a record for each of its states.
  func headers(_ lease: PrefixLease) -> [StateFileHeader] {
    let ends = lease.states.map(\.position).filter { $0 < lease.tokens.count } + [lease.tokens.count]
    var hasher = StateKey.Hasher(identity, scope: lease.scope.hash)
    var headers: [StateFileHeader] = []
    for (index, end) in ends.enumerated() {
      let start = headers.last?.end ?? 0
      headers.append(
        header(lease, start..<end, parent: start > 0 ? hasher.key : nil, following: ends.count - 1 - index))
      hasher.add(lease.tokens[start..<end])
    }
    return headers
  }

  /// Writes the state of a prefix, whole or not at all.
  ///
  /// - Parameters:
  ///   - lease: The prefix, whose state is read part by part.
  ///   - headers: The headers of the file's records.
  ///   - url: The file.
  /// - Returns: `false` when the loan was taken back.
  /// - Throws: ``WriteError``; then no file is left.
  func write(_ lease: PrefixLease, _ headers: [StateFileHeader], to url: URL) throws(WriteError) -> Bool {
    let file = try PartialFile(at: url, beginningWith: Data())
    var bytes: [UInt8] = []
    for header in headers {
      var hash = SHA256()
      var head = header.bytes
      head += SHA256.hash(data: head)
      hash.update(data: head)
      try file.write(Data(head))
      let slot = lease.slot(after: header.end)
      for part in store.parts(of: header.start..<header.end, pages: lease.pages, slot: slot) {
        guard lease.use({ store.copy(part, to: &bytes) }) else { return false }
        hash.update(data: bytes)
        try file.write(Data(bytes))
      }
      try file.write(Data(hash.finalize()))
    }
    try file.finish(isSafe: true)
    return true
  }
}
