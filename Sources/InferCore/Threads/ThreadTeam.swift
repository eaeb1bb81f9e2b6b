internal import CBLAS
internal import CKernels
internal import Glibc

/// A fixed team of threads that work through numbered items together.
///
/// The caller is a member. Every member has a share of consecutive items, and takes items from the others' shares when its
/// own is done, so that a thread that loses its core to another process delays the team by one item. Between regions the
/// other threads spin for some tens of microseconds, because regions of a step follow each other closely, and then sleep.
/// A team of more threads than `MachineLimits.threads` hardly spins: where time is rationed, spinning takes it from the
/// work.
///
/// Where the process has a `ThreadPlacement`, a team can be made to follow it: each of its threads is then bound to a
/// processor, the caller while it says so.
public final class ThreadTeam: Sendable {
  /// Number of threads, the caller included.
  public let count: Int
  private let shared: ParallelRegion
  private let threads: [pthread_t]
  /// The places that threads are bound to; `nil` for none.
  private let places: ThreadPlacement.Places?
  /// Notes the times of items where the team is one thread; `nil` where nobody asks.
  private let log: RegionLog?

  /// Starts `count - 1` threads, named `infer-worker-1` and so on.
  ///
  /// - Parameters:
  ///   - count: The number of threads, the caller included.
  ///   - placement: Where they run; by default where the system has them run.
  ///   - log: Notes the times of items, if the team is one thread.
  /// - Throws: ``ModelError/outOfThreads(_:)`` when the system refuses one; those that did start have ended then.
  package convenience init(
    count: Int, placement: ThreadPlacement? = nil, log: RegionLog? = nil
  ) throws(ModelError) {
    try self.init(count: count, placement: placement, log: log, start: startThread)
  }

  init(
    count: Int, placement: ThreadPlacement? = nil, log: RegionLog? = nil, start: ThreadStarter
  ) throws(ModelError) {
    precondition(count >= 1 && count <= 1024, "a team of \(count) threads")
    // BLAS computes on the thread that calls it: the team splits the work.
    openblas_set_num_threads(1)
    self.count = count
    self.log = log
    let shared = ParallelRegion(workers: count, spins: count <= availableProcessorCount())
    self.shared = shared
    let places = placement?.places(threads: count)
    self.places = places
    var threads: [pthread_t] = []
    do throws(ModelError) {
      for worker in 1..<count {
        threads.append(
          try start(Self.name(of: worker)) {
            places?.bind(worker: worker)
            shared.serve(worker: worker)
          })
      }
    } catch {
      Self.end(threads, shared)
      throw .outOfThreads("\(error), after \(threads.count + 1) of \(count)")
    }
    self.threads = threads
  }

  deinit { Self.end(threads, shared) }

  private static func end(_ threads: [pthread_t], _ shared: ParallelRegion) {
    shared.stop()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Binds the calling thread to the team's first place, if it has places, until ``releaseCaller()``.
  ///
  /// Not for longer than it computes: threads that it starts, or has somebody start, would be bound as it is.
  func bindCaller() { places?.bind(worker: 0) }

  /// Lets the calling thread run wherever the process may.
  func releaseCaller() { places?.release() }

  /// Names have at most 15 bytes.
  private static func name(of worker: Int) -> String { "infer-work\(worker < 100 ? "er" : "")-\(worker)" }

  /// Calls `body` once for every item in `0 ..< items`, from all threads of the team, and returns when all calls have
  /// returned.
  ///
  /// Unsafe, because the compiler does not check what crosses threads: `body` is not `@Sendable`, so that it can capture
  /// borrowed steps and views of rows, and runs on several threads at once with all that it captures. The caller ensures
  /// that
  ///
  /// - memory that a call writes is read and written by no other call of the region, but through atomics and locks;
  /// - captured variables, and objects that are not `Sendable`, are only read;
  /// - `body` starts no other region, and no other thread starts one: a team belongs to one caller at a time.
  ///
  /// Writes of the caller before the region are visible to all calls, and their writes are visible to it afterwards.
  ///
  /// - Parameters:
  ///   - items: the number of items.
  ///   - body: the work on one item. `worker` is in `0 ..< count`; no two calls with the same `worker` overlap, so that
  ///     it can name private memory.
  @unsafe public func forEach(_ items: Int, _ body: (_ item: Int, _ worker: Int) -> Void) {
    guard items > 1, count > 1 else {
      if let log, count == 1 { return unsafe log.run(items, body) }
      for item in 0..<items { body(item, 0) }
      return
    }
    unsafe shared.run(items: items, parts(of: body))
  }
}

/// Takes a closure apart, so that other threads can call it while it lives. `withoutActuallyEscaping` would allocate.
@_silgen_name("ck_closure_parts")
func parts(of body: (_ item: Int, _ worker: Int) -> Void) -> ck_closure
