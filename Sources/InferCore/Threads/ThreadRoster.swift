internal import CKernels
internal import Glibc
internal import Synchronization

/// The threads that engines and their teams have started, by which it is seen that one is gone.
///
/// A thread takes itself off when its work is over. One that is on the list and that the system no longer has ended in the
/// midst of it, and whoever waits for it waits for ever.
package final class ThreadRoster: Sendable {
  /// A thread on the list.
  final class Entry: Sendable {
    let name: String
    /// The system's number of the thread; 0 until it runs.
    private let id = Atomic<Int32>(0)

    fileprivate init(_ name: String) { self.name = name }

    /// Notes the calling thread. Takes nothing from the heap.
    func enter() { id.store(ck_thread_id(), ordering: .relaxed) }

    /// `true` once the thread has run and the system has it no longer.
    fileprivate var isLost: Bool {
      let id = id.load(ordering: .relaxed)
      guard id != 0 else { return false }
      return unsafe access("/proc/self/task/\(id)", F_OK) != 0 && errno == ENOENT
    }
  }

  /// The threads of the process.
  package static let shared = ThreadRoster()

  private let entries = Monitor<[Entry]>([])

  init() {}

  /// Adds a thread that is about to be started.
  func add(_ name: String) -> Entry {
    let entry = Entry(name)
    entries.withLock { $0.append(entry) }
    return entry
  }

  /// Takes a thread off whose work is over, or that could not be started.
  func remove(_ entry: Entry) { entries.withLock { $0.removeAll { $0 === entry } } }

  /// The names of threads that ended in the midst of their work; none where the system does not tell, because `/proc` is
  /// not mounted. O(threads), with a call of the system for each.
  package var lost: [String] {
    guard unsafe access("/proc/self/task", F_OK) == 0 else { return [] }
    // Under the lock: a thread that takes itself off is not gone before it has.
    return entries.withLock { entries in entries.filter(\.isLost).map(\.name) }
  }
}
