internal import DequeModule
internal import Foundation
internal import InferMetrics

/// The prefix cache's part on disk: writes what is kept in memory in the background, and reads it back for requests that
/// find more there than in memory.
///
/// Files are written and read by two threads of its own. The engine's thread lends them pages and slots, and touches no
/// file and waits for none.
final class DiskTier: Sendable {
  /// A prefix that is to be read.
  private struct Load: Sendable {
    let tokens: [Int32]
    let scope: CacheScope
    let whenDone: @Sendable () -> Void
  }

  private struct Queue {
    var saves: Deque<PrefixLease> = []
    /// The prefix that is being written.
    var saving: PrefixLease?
    /// `true` when that is not wanted any more.
    var isForgotten = false
    var loads: Deque<Load> = []
    var isStopped = false
  }

  /// The maximum number of prefixes that wait to be written.
  private static let maxSaves = 64
  /// The time for which nothing is written after a failure.
  private static let pause = Duration.seconds(10)
  private static let warningInterval = Duration.seconds(60)

  private let queue = Monitor(Queue())
  private let folder: Monitor<StateFolder>
  private let files: StateFiles
  private let maxTokens: Int
  private let inbox: EngineInbox
  private let metrics: EngineMetrics
  private let warn: @Sendable (String) -> Void
  private let lastWarning = Monitor<ContinuousClock.Instant?>(nil)
  private let pausedUntil = Monitor<ContinuousClock.Instant?>(nil)

  /// Finds out what is in the folder and starts the threads. A folder that cannot be used is warned of.
  ///
  /// - Throws: ``ModelError/outOfThreads(_:)``.
  init(
    _ description: CacheFolder, _ files: StateFiles, inbox: EngineInbox, metrics: EngineMetrics
  ) throws(ModelError) {
    maxTokens = files.store.rows.tokenCount(of: files.store.pageCount)
    self.files = files
    var folder = StateFolder(
      at: description.url, byteLimit: description.maxMiB << 20, identity: files.identity)
    let failure: WriteError?
    do throws(WriteError) {
      try folder.open(maxTokens: maxTokens)
      failure = nil
    } catch { failure = error }
    self.folder = Monitor(folder)
    self.inbox = inbox
    self.metrics = metrics
    warn = description.warn
    removeGarbage()
    files.others?.keep(
      folder.files.map { $0.path(percentEncoded: false) }, in: folder.url.path(percentEncoded: false))
    if let failure { note(failure.description, "write") }
    try startDetachedThread("infer-save") { [self] in
      while let lease = nextSave() {
        save(lease)
        let isForgotten = queue.withLock { $0.isForgotten }
        if isForgotten { forgetFiles(lease.tokens, in: lease.scope) }
        inbox.perform { $0.end(lease) }
        queue.change { ($0.saving, $0.isForgotten) = (nil, false) }
      }
    }
    try startDetachedThread("infer-load") { [self] in
      while let load = nextLoad() { self.load(load) }
    }
  }

  /// Ends the threads, once they are done with the file that they are at.
  func stop() { queue.change { $0.isStopped = true } }

  /// Returns when all that waits is written, or at the deadline.
  func flush(until deadline: ContinuousClock.Instant?) async {
    while true {
      let isDone = queue.withLock { $0.isStopped || $0.saves.isEmpty && $0.saving == nil }
      if isDone || deadline.map({ $0 <= .now }) ?? false { return }
      do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
    }
  }

  /// Removes all files, and forgets what waits to be written.
  func reset() async {
    let waiting = queue.change { queue in
      defer { queue.saves = [] }
      return queue.saves
    }
    for lease in waiting { inbox.perform { $0.end(lease) } }
    await flush(until: nil)
    folder.withLock { $0.removeAll() }
    removeGarbage()
  }

  /// Forgets the files of the first tokens of a sequence and all that go on from them; they are removed with the next that is
  /// written or read. Those that wait to be written are not any more; their loans are the caller's to end. For the engine's
  /// thread.
  func forget(_ tokens: [Int32], in scope: CacheScope) {
    queue.change { queue in
      if let saving = queue.saving, saving.isPrefix(of: tokens, in: scope) { queue.isForgotten = true }
      queue.saves.removeAll { $0.isPrefix(of: tokens, in: scope) }
    }
    forgetFiles(tokens, in: scope)
  }

  private func forgetFiles(_ tokens: [Int32], in scope: CacheScope) {
    let hash = scope.hash
    folder.withLock { folder in
      let match = folder.index.match(tokens, limit: tokens.count, in: hash)
      if let first = match.path.first { folder.discard(first) }
    }
  }

  // MARK: Saving

  /// Has the states written that were kept since the last call. For the engine's thread.
  func save(newlyKeptIn memory: inout SequenceMemory) {
    for slot in memory.takeNewlyKept() {
      guard queue.withLock({ !$0.isStopped && $0.saves.count < Self.maxSaves }) else {
        metrics.prefixCacheDiskDrops.increment()
        continue
      }
      guard let lease = memory.lend(slot) else { continue }
      queue.change { $0.saves.append(lease) }
    }
  }

  private func nextSave() -> PrefixLease? {
    queue.wait { $0.isStopped || !$0.saves.isEmpty }
    return queue.withLock { queue in
      guard !queue.isStopped, let lease = queue.saves.popFirst() else { return nil }
      queue.saving = lease
      return lease
    }
  }

  private func save(_ lease: PrefixLease) {
    let scope = lease.scope.hash
    let match = folder.withLock { folder in
      let match = folder.index.match(lease.tokens, limit: lease.tokens.count, in: scope)
      folder.use(match.path)
      return match
    }
    guard match.tokens < lease.tokens.count else { return }
    let isPaused = pausedUntil.withLock { $0.map { $0 > .now } ?? false }
    guard !isPaused else { return metrics.prefixCacheDiskDrops.increment() }
    let header = files.writer.header(
      lease, match.tokens..<lease.tokens.count, parent: match.path.last)
    var hasher = StateKey.Hasher(files.identity, scope: scope)
    hasher.add(lease.tokens)
    let key = hasher.key
    let (hasRoom, url, file) = folder.withLock { folder in
      (folder.makeRoom(for: header.recordByteCount, keeping: match.path), folder.url, folder.file(of: key))
    }
    removeGarbage()
    guard hasRoom else { return metrics.prefixCacheDiskDrops.increment() }
    do throws(WriteError) {
      try StateFolder.make(url)
      guard try files.write(lease, [header], to: file) else { return metrics.prefixCacheDiskDrops.increment() }
      folder.withLock { $0.add(header, key) }
      metrics.prefixCacheDiskWrites.increment()
      removeGarbage()
    } catch {
      pausedUntil.withLock { $0 = .now + Self.pause }
      note(error.description, "write")
    }
  }

  // MARK: Loading

  /// The number of first tokens of a sequence whose state is on disk.
  func find(_ tokens: [Int32], limit: Int, in scope: CacheScope) -> Int {
    let hash = scope.hash
    return folder.withLock { $0.index.match(tokens, limit: limit, in: hash).tokens }
  }

  /// Has the state of a prefix read, and `whenDone` called on the engine's thread when it is in memory or cannot be read.
  func load(_ tokens: [Int32], in scope: CacheScope, whenDone: @escaping @Sendable () -> Void) {
    queue.change { $0.loads.append(Load(tokens: tokens, scope: scope, whenDone: whenDone)) }
  }

  private func nextLoad() -> Load? {
    queue.wait { $0.isStopped || !$0.loads.isEmpty }
    return queue.withLock { $0.isStopped ? nil : $0.loads.popFirst() }
  }

  private func load(_ load: Load) {
    let scope = load.scope.hash
    let match = folder.withLock { $0.index.match(load.tokens, limit: load.tokens.count, in: scope) }
    let tokens = Array(load.tokens.prefix(match.tokens))
    let reserved = inbox.ask { memory -> PrefixLease? in
      guard memory.lookUp(tokens, limit: tokens.count, in: load.scope).tokens < tokens.count else { return nil }
      return memory.reserve(tokens, states: [tokens.count], in: load.scope)
    }
    guard let lease = reserved ?? nil else {
      inbox.perform { _ in load.whenDone() }
      return
    }
    let isRead = read(match, into: lease)
    inbox.perform { memory in
      if isRead { _ = memory.adopt(lease) } else { memory.end(lease) }
      load.whenDone()
    }
  }

  private func read(_ match: StateFolderIndex.Match, into lease: PrefixLease) -> Bool {
    let first = lease.whole * files.store.pageTokens
    let entries = folder.withLock { folder in
      match.path.compactMap { key in folder.index[key].map { (key: key, entry: $0, file: folder.file(of: key)) } }
    }
    guard entries.count == match.path.count else { return false }
    let wanted = entries.filter { $0.key == match.path.last || $0.entry.end > first }
    // That of the file which is read, and of the first where another rank cannot read its part of one.
    var key = wanted.first?.key
    do throws(StateFileError) {
      let isRead = try files.read(lease, from: first, wanted.map(\.file)) { () throws(StateFileError) in
        let start = key
        for next in wanted {
          key = next.key
          guard try read(next.entry, next.file, into: lease, from: first) else { return false }
        }
        key = start
        return true
      }
      guard isRead else { return false }
    } catch {
      if let key { folder.withLock { $0.discard(key) } }
      removeGarbage()
      note(error.description, "read")
      return false
    }
    folder.withLock { $0.use(match.path) }
    for key in match.path {
      // So that it is known to have been used after a restart too.
      let file = folder.withLock { $0.file(of: key) }
      try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: file.path)
    }
    metrics.prefixCacheDiskLoads.increment()
    metrics.prefixCacheDiskLoadedTokens.increment(by: match.tokens - min(first, match.tokens))
    return true
  }

  private func read(
    _ entry: StateFolderIndex.Entry, _ file: URL, into lease: PrefixLease, from first: Int
  ) throws(StateFileError) -> Bool {
    let reader = try StateFileReader(at: file, maxTokens: maxTokens)
    guard let header = reader.headers.first, reader.headers.count == 1, header.identity == files.identity,
      header.scope == lease.scope.hash, header.start == entry.start,
      header.tokens.elementsEqual(lease.tokens[entry.start..<entry.end])
    else { throw .damaged(at: file, reason: "it is another file than the one that was written") }
    return try reader.read(0, into: lease, from: first, files.store)
  }

  // MARK: Keeping order

  private func removeGarbage() {
    let (garbage, count, bytes) = folder.withLock { ($0.takeGarbage(), $0.index.count, $0.byteCount) }
    files.remove(garbage)
    metrics.prefixCacheDiskEntries.set(Double(count))
    metrics.prefixCacheDiskBytes.set(Double(bytes))
  }

  private func note(_ failure: String, _ operation: String) {
    metrics.prefixCacheDiskFailures(operation).increment()
    let now = ContinuousClock.now
    let isDue = lastWarning.withLock { last in
      guard last.map({ now - $0 >= Self.warningInterval }) ?? true else { return false }
      last = now
      return true
    }
    if isDue { warn("the cache on disk: \(failure)") }
  }
}
