internal import Foundation

/// The files in which a rank other than 0 keeps its part of state: does with them what rank 0 says, on a thread of its own.
///
/// The part of a file has the file's name with the rank's number behind it, so that ranks of one machine do not share any.
final class RankFileKeeper: Sendable {
  private struct Contents {
    var tasks: [RankTask] = []
    /// The loans of tasks that are not done.
    var leases: [Int32: PrefixLease] = [:]
    var report = RankReport()
    var isStopped = false
    var hasEnded = false
  }

  private let rank: Int
  private let store: StateStore
  /// The identity of state, and of what may come of rounded state.
  private let exact, rounded: StateIdentity
  private let contents = Monitor(Contents())

  /// Starts the thread.
  ///
  /// - Throws: ``ModelError/outOfThreads(_:)``.
  init(rank: Int, exact: StateIdentity, rounded: StateIdentity, store: StateStore) throws(ModelError) {
    (self.rank, self.exact, self.rounded, self.store) = (rank, exact, rounded, store)
    try startDetachedThread("infer-files") { [self] in
      while let (task, lease) = next() {
        let outcome = perform(task.action, lease)
        contents.change { contents in
          contents.leases[task.number] = nil
          if let outcome { contents.report.outcomes.append((task.number, outcome)) }
        }
      }
      contents.change { $0.hasEnded = true }
    }
  }

  /// Has a task done. For the thread that follows rank 0, as all below.
  func begin(_ task: RankTask) {
    contents.change { contents in
      contents.tasks.append(task)
      switch task.action {
      case .write(let state, _, _), .read(let state, _, _): contents.leases[task.number] = state.lease()
      case .remove, .keep: break
      }
    }
  }

  /// Ends the loan of a task. What it held is not touched any more from now on.
  func takeBack(task: Int32) { contents.withLock { $0.leases[task] }?.takeBack() }

  /// What came of the tasks that are done, once.
  func takeReport() -> RankReport {
    contents.withLock { contents in
      defer { contents.report = RankReport() }
      return contents.report
    }
  }

  /// Ends the thread, and returns when it has ended: what is to be removed is, and what is written or read is left.
  func stop() {
    let leases = contents.change { contents in
      contents.isStopped = true
      contents.tasks.removeAll { contents.leases[$0.number] != nil }
      return Array(contents.leases.values)
    }
    for lease in leases { lease.takeBack() }
    contents.wait { $0.hasEnded }
  }

  private func next() -> (RankTask, PrefixLease?)? {
    contents.wait { $0.isStopped || !$0.tasks.isEmpty }
    return contents.withLock { contents in
      guard !contents.tasks.isEmpty else { return nil }
      let task = contents.tasks.removeFirst()
      return (task, contents.leases[task.number])
    }
  }

  private func perform(_ action: RankTask.Action, _ lease: PrefixLease?) -> RankTask.Outcome? {
    switch action {
    case .write(let state, let records, let file):
      return lease.map { write($0, state, records, to: part(of: file)) }
    case .read(let state, let first, let files):
      return lease.map { read($0, state, from: first, files.map { part(of: $0) }) }
    case .remove(let files):
      for file in files { try? FileManager.default.removeItem(at: part(of: file)) }
    case .keep(let files, let folder):
      let kept = Set(files.map { part(of: $0).lastPathComponent })
      let end = StateFolder.suffix + partSuffix
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        guard name.hasSuffix(end) && !kept.contains(name) || isUnfinishedFile(name, suffix: end) else { continue }
        try? FileManager.default.removeItem(at: URL(filePath: folder).appending(component: name))
      }
    }
    return nil
  }

  private var partSuffix: String { ".rank\(rank)" }

  private func part(of file: String) -> URL { URL(filePath: file + partSuffix) }

  private func write(
    _ lease: PrefixLease, _ state: RankTask.LentState, _ records: [Range<Int>], to url: URL
  ) -> RankTask.Outcome {
    let writer = StateFileWriter(identity: state.isRounded ? rounded : exact, store: store)
    // Who goes on from whom is rank 0's to know.
    let headers = records.indices.map {
      writer.header(lease, records[$0], parent: nil, following: records.count - 1 - $0)
    }
    do throws(WriteError) {
      try StateFolder.make(url.deletingLastPathComponent())
      return try writer.write(lease, headers, to: url) ? .done : .takenBack
    } catch { return .failed(error.description) }
  }

  private func read(
    _ lease: PrefixLease, _ state: RankTask.LentState, from first: Int, _ files: [URL]
  ) -> RankTask.Outcome {
    let identity = state.isRounded ? rounded : exact
    do throws(StateFileError) {
      for file in files {
        let reader = try StateFileReader(at: file, maxTokens: lease.tokens.count)
        for (index, header) in reader.headers.enumerated() {
          if let difference = header.identity.difference(from: identity) {
            throw .foreign(at: file, difference: difference)
          }
          guard header.scope == lease.scope.hash, lease.tokens[header.start..<header.end].elementsEqual(header.tokens)
          else { throw .damaged(at: file, reason: "it is another file than the one that was written") }
          guard try reader.read(index, into: lease, from: first, store) else { return .takenBack }
        }
      }
      return .done
    } catch { return .failed(error.description) }
  }
}
