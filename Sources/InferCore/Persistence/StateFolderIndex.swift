/// The entries of a folder of state, as a tree: an entry goes on from its parent's last token.
///
/// Pure bookkeeping; it touches no file. Entries that others go on from are never removed before those.
struct StateFolderIndex {
  struct Entry {
    /// The entry that this one goes on from; `nil` when it begins at position 0.
    let parent: StateKey?
    let scope: [UInt8]
    let start: Int
    /// The tokens from `start` on.
    let tokens: [Int32]
    /// The bytes of the file.
    let byteCount: Int
    fileprivate(set) var children: [StateKey] = []
    fileprivate(set) var lastUse = 0

    var end: Int { start + tokens.count }

    init(_ header: StateFileHeader) {
      parent = header.start > 0 ? header.parent : nil
      scope = header.scope
      start = header.start
      tokens = header.tokens
      byteCount = header.recordByteCount
    }
  }

  /// The entries that hold a prefix, in order of position.
  struct Match: Sendable {
    var path: [StateKey] = []
    /// The number of tokens of the prefix.
    var tokens = 0
  }

  private var entries: [StateKey: Entry] = [:]
  private var roots: [[UInt8]: [StateKey]] = [:]
  private var uses = 0
  /// The bytes of all files.
  private(set) var byteCount = 0

  var count: Int { entries.count }

  var keys: Dictionary<StateKey, Entry>.Keys { entries.keys }

  subscript(key: StateKey) -> Entry? { entries[key] }

  /// The longest prefix of the first `limit` of a scope's `tokens` that entries hold. O(entries on the way · tokens).
  func match(_ tokens: [Int32], limit: Int, in scope: [UInt8]) -> Match {
    var best = Match()
    var candidates = (roots[scope] ?? []).map { (key: $0, path: [StateKey]()) }
    while let (key, before) = candidates.popLast() {
      guard let entry = entries[key], entry.end <= limit,
        tokens[entry.start..<entry.end].elementsEqual(entry.tokens)
      else { continue }
      let path = before + [key]
      if entry.end > best.tokens { best = Match(path: path, tokens: entry.end) }
      candidates += entry.children.map { ($0, path) }
    }
    return best
  }

  /// Adds an entry. Returns `false` when it is there, or when what it goes on from is not.
  mutating func insert(_ entry: Entry, for key: StateKey) -> Bool {
    guard entries[key] == nil else { return false }
    if let parent = entry.parent {
      guard let before = entries[parent], before.end == entry.start, before.scope == entry.scope else { return false }
      entries[parent]?.children.append(key)
    } else {
      guard entry.start == 0 else { return false }
      roots[entry.scope, default: []].append(key)
    }
    entries[key] = entry
    byteCount += entry.byteCount
    use([key])
    return true
  }

  /// Notes the use of entries.
  mutating func use(_ path: [StateKey]) {
    uses += 1
    for key in path { entries[key]?.lastUse = uses }
  }

  /// Removes an entry and all that go on from it. Returns their keys.
  mutating func remove(_ key: StateKey) -> [StateKey] {
    guard let entry = entries[key] else { return [] }
    var removed = entry.children.flatMap { remove($0) }
    if let parent = entry.parent {
      entries[parent]?.children.removeAll { $0 == key }
    } else {
      roots[entry.scope]?.removeAll { $0 == key }
      if roots[entry.scope]?.isEmpty ?? false { roots[entry.scope] = nil }
    }
    entries[key] = nil
    byteCount -= entry.byteCount
    removed.append(key)
    return removed
  }

  /// Removes the entry that was used longest ago, of those that no other goes on from and that are not in `path`.
  /// O(entries).
  mutating func removeOldest(except path: [StateKey]) -> StateKey? {
    let ends = entries.lazy.filter { $0.value.children.isEmpty && !path.contains($0.key) }
    guard let oldest = ends.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return nil }
    return remove(oldest.key).first
  }

  /// Removes all entries, and returns their keys.
  mutating func removeAll() -> [StateKey] {
    defer {
      entries = [:]
      roots = [:]
      byteCount = 0
    }
    return Array(entries.keys)
  }
}
