internal import Foundation

/// A folder of files of state with a bound on their bytes: the files of one identity by their keys, and others, which are
/// removed before them when there is no room.
///
/// Knows the files, and does nothing to them after it was opened: what is to be removed is told by ``takeGarbage()``.
struct StateFolder {
  /// The end of files' names.
  static let suffix = ".state"

  let url: URL
  let byteLimit: Int
  let identity: StateIdentity
  private(set) var index = StateFolderIndex()
  /// Files of state of other models and formats, those that were used last first.
  private var foreign: [(name: String, byteCount: Int, date: Date)] = []
  /// Files that are no longer known.
  private var garbage: [URL] = []

  /// The bytes of all files of state.
  var byteCount: Int { foreign.reduce(index.byteCount) { $0 + $1.byteCount } }

  /// An empty folder, as far as is known.
  init(at url: URL, byteLimit: Int, identity: StateIdentity) {
    self.url = url
    self.byteLimit = byteLimit
    self.identity = identity
  }

  /// The file of a key.
  func file(of key: StateKey) -> URL { file(key.name + Self.suffix) }

  private func file(_ name: String) -> URL { url.appending(component: name, directoryHint: .notDirectory) }

  /// All files of state that are known.
  var files: [URL] { index.keys.map { file(of: $0) } + foreign.map { file($0.name) } }

  /// Makes the folder, if need be, and finds out what is in it. Removes what was left half-written, what is damaged, and
  /// what goes on from something that is not there.
  ///
  /// - Parameter maxTokens: The maximum number of tokens of a prefix.
  /// - Throws: ``WriteError`` when there is no folder and none can be made.
  mutating func open(maxTokens: Int) throws(WriteError) {
    try Self.make(url)
    let files = FileManager.default
    var found: [(header: StateFileHeader, name: String, date: Date)] = []
    for name in (try? files.contentsOfDirectory(atPath: url.path)) ?? [] {
      if isUnfinishedFile(name, suffix: Self.suffix) {
        remove(name)
        continue
      }
      guard name.hasSuffix(Self.suffix) else { continue }
      let attributes = try? files.attributesOfItem(atPath: file(name).path)
      let date = attributes?[.modificationDate] as? Date ?? .distantPast
      do throws(StateFileError) {
        let headers = try StateFileReader(at: file(name), maxTokens: maxTokens).headers
        guard headers.count == 1, let header = headers.first else {
          throw .damaged(at: file(name), reason: "it has \(headers.count) records")
        }
        if header.identity == identity {
          found.append((header, name, date))
        } else {
          foreign.append((name, header.recordByteCount, date))
        }
      } catch {
        switch error {
        case .damaged: remove(name)
        case .foreign: foreign.append((name, (attributes?[.size] as? Int) ?? 0, date))
        default: break
        }
      }
    }
    foreign.sort { $0.date > $1.date }
    add(found)
    _ = makeRoom(for: 0, keeping: [])
  }

  /// Adds the entries that were found, parents before those that go on from them, and removes those that cannot be
  /// reached or have another's name.
  private mutating func add(_ found: [(header: StateFileHeader, name: String, date: Date)]) {
    var hashers: [StateKey: StateKey.Hasher] = [:]
    var keys: [(key: StateKey, date: Date)] = []
    for (header, name, date) in found.sorted(by: { $0.header.start < $1.header.start }) {
      var hasher =
        header.start == 0 ? StateKey.Hasher(identity, scope: header.scope) : hashers[header.parent]
      hasher?.add(header.tokens)
      guard let hasher, hasher.key.name + Self.suffix == name,
        index.insert(StateFolderIndex.Entry(header), for: hasher.key)
      else {
        remove(name)
        continue
      }
      hashers[hasher.key] = hasher
      keys.append((hasher.key, date))
    }
    for (key, _) in keys.sorted(by: { $0.date < $1.date }) { index.use([key]) }
  }

  /// Makes the folder unless it is there.
  ///
  /// - Throws: ``WriteError``.
  static func make(_ url: URL) throws(WriteError) {
    do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch {
      throw WriteError(at: url, reason: error.localizedDescription)
    }
  }

  private mutating func remove(_ name: String) { garbage.append(file(name)) }

  /// The files that are to be removed, once.
  mutating func takeGarbage() -> [URL] {
    defer { garbage = [] }
    return garbage
  }

  /// Makes room for a file beside all others. Returns `false` when it is larger than all may be.
  ///
  /// - Parameter parents: Entries that have to stay.
  mutating func makeRoom(for byteCount: Int, keeping parents: [StateKey]) -> Bool {
    guard byteCount <= byteLimit else { return false }
    while self.byteCount > byteLimit - byteCount {
      if let next = foreign.popLast() {
        remove(next.name)
      } else if let key = index.removeOldest(except: parents) {
        remove(key.name + Self.suffix)
      } else {
        return false
      }
    }
    return true
  }

  /// Adds a file that was written.
  mutating func add(_ header: StateFileHeader, _ key: StateKey) {
    if !index.insert(StateFolderIndex.Entry(header), for: key) { remove(key.name + Self.suffix) }
  }

  /// Notes that entries were of use.
  mutating func use(_ entries: [StateKey]) { index.use(entries) }

  /// Removes an entry that turned out damaged, and all that go on from it.
  mutating func discard(_ key: StateKey) {
    for key in index.remove(key) { remove(key.name + Self.suffix) }
  }

  /// Removes all entries of this identity.
  mutating func removeAll() {
    for key in index.removeAll() { remove(key.name + Self.suffix) }
  }
}
