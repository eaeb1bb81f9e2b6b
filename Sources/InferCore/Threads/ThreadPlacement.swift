internal import CKernels
internal import Foundation
internal import Glibc

/// A way of using memory and caches that are nearer to some processors than to others.
package enum PlacementMode: String, Sendable, CaseIterable {
  /// Threads on all nodes and behind all caches, and memory from each node in turn.
  case distribute
  /// Threads and memory on the node that the process started on, the cache that it started behind filled first.
  case isolate
}

/// Where the threads of teams run, and where memory of weights and state lies, on a machine of several nodes or several
/// last-level caches.
///
/// Each thread of a team is bound to a processor of its own, of those that the process may run on, so that it stays near to
/// its caches. Memory is placed when it is mapped, before anything touches it, and is a preference: where a node has none
/// left, others give it. Who started the process with a policy of memory has placed it already.
package struct ThreadPlacement: Sendable {
  /// The way in which threads and memory are placed.
  package let mode: PlacementMode
  /// The processors that threads run on.
  package let topology: MachineTopology
  /// The nodes that memory comes from; empty where it comes from wherever the system takes it.
  package let memoryNodes: [Int]
  /// One line of what the system refused; `nil` for nothing.
  package let refusal: String?
  private let bindsThreads: Bool
  /// `true` where the process was started with a policy of memory, as by `numactl`.
  private let isMemoryPlacedOutside: Bool
  /// The cache that the process started behind.
  private let homeCache: Int
  private let memoryMask: NumberMask
  private let processorMask: NumberMask
  private let system: System

  /// A placement of what is made from now on; `nil` where the machine has one node and one last-level cache, so that there
  /// is nothing to place.
  ///
  /// - Parameters:
  ///   - processor: The processor that the process started on; `nil` where nobody knows.
  init?(
    _ mode: PlacementMode, on machine: MachineTopology, startedOn processor: Int? = Affinity.currentProcessor,
    system: System = System()
  ) {
    let hasSeveralNodes = machine.computingNodes.count > 1
    guard hasSeveralNodes || machine.cacheCount > 1 else { return nil }
    let home = machine.processors.first { $0.id == processor } ?? machine.processors[0]
    topology = mode == .isolate ? machine.only(node: home.node) ?? machine : machine
    homeCache = home.cache
    var outside = ck_thread_policy()
    isMemoryPlacedOutside = system.threadPolicy(&outside) == 0 && outside.mode != 0
    let wanted =
      hasSeveralNodes && !isMemoryPlacedOutside
      ? topology.memoryNodes.filter { mode == .distribute || $0 == home.node } : []
    let threadError = system.setAffinity(NumberMask(machine.processors.map(\.id)), 0)
    let memoryError = wanted.isEmpty ? 0 : Self.tryMemory(mode, NumberMask(wanted), system)
    let fileError = wanted.isEmpty ? 0 : Self.tryFiles(mode, NumberMask(wanted), system)
    var refused: [String] = []
    if threadError != 0 { refused.append("threads are not bound (\(systemErrorText(threadError)))") }
    if memoryError != 0 { refused.append("memory is not placed (\(systemErrorText(memoryError)))") }
    if memoryError == 0, fileError != 0 { refused.append("files are not placed (\(systemErrorText(fileError)))") }
    refusal =
      refused.isEmpty
      ? nil
      : "the system refuses a part of --numa \(mode.rawValue): \(refused.joined(separator: ", ")); a container needs "
        + "the capability SYS_NICE, or a seccomp profile that lets it"
    self.mode = mode
    self.system = system
    bindsThreads = threadError == 0
    memoryNodes = memoryError == 0 ? wanted : []
    memoryMask = NumberMask(memoryNodes)
    processorMask = NumberMask(topology.processors.map(\.id))
  }

  /// The error number of placing a page of memory; 0 where the system lets it be placed.
  private static func tryMemory(_ mode: PlacementMode, _ nodes: NumberMask, _ system: System) -> Int32 {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let mapped = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { return errno }
    defer { unsafe _ = munmap(mapped, page) }
    return system.placeMemory(UInt(bitPattern: mapped), page, policy(of: mode), nodes)
  }

  /// The error number of a thread's saying where files are read to, and of taking it back; 0 where the system lets it.
  private static func tryFiles(_ mode: PlacementMode, _ nodes: NumberMask, _ system: System) -> Int32 {
    var before = ck_thread_policy()
    let error = system.threadPolicy(&before)
    guard error == 0 else { return error }
    let refused = system.setThreadPolicy(threadPolicy(mode, nodes))
    return refused == 0 ? system.setThreadPolicy(before) : refused
  }

  private static func threadPolicy(_ mode: PlacementMode, _ nodes: NumberMask) -> ck_thread_policy {
    unsafe ck_make_thread_policy(policy(of: mode), nodes.words, nodes.words.count)
  }

  private static func policy(of mode: PlacementMode) -> ck_memory_policy {
    mode == .distribute ? CK_MEMORY_INTERLEAVED : CK_MEMORY_PREFERRED
  }

  /// One line for people.
  package var description: String {
    func list(_ nodes: [Int]) -> String {
      "node\(nodes.count == 1 ? "" : "s") \(nodes.map(String.init).joined(separator: ", "))"
    }
    let (nodes, caches) = (topology.computingNodes, topology.cacheCount)
    let threads =
      "\(bindsThreads ? "threads bound to" : "threads on") \(caches > nodes.count ? "\(caches) caches of " : "")"
      + list(nodes)
    if isMemoryPlacedOutside { return threads + ", memory by the policy that the process was started with" }
    guard !memoryNodes.isEmpty else { return threads + ", memory left to the system" }
    return "\(threads), memory \(memoryNodes.count > 1 ? "interleaved over" : "from") \(list(memoryNodes))"
  }
}

// MARK: The process's own

extension ThreadPlacement {
  private static let installed = Monitor<ThreadPlacement?>(nil)

  /// The placement of the process; `nil` where everything is left to the system.
  package static var current: ThreadPlacement? { installed.withLock { $0 } }

  /// Has all teams and all memory that are made from now on be placed. Threads that are there already move to the node that
  /// they are to be on. Returns the placement; `nil` where the machine has one node and one last-level cache.
  package static func install(_ mode: PlacementMode) -> ThreadPlacement? {
    guard let placement = ThreadPlacement(mode, on: .current) else { return nil }
    if mode == .isolate { placement.moveThreads() }
    installed.withLock { $0 = placement }
    return placement
  }

  /// Moves all threads of the process. Those that they start later follow them.
  private func moveThreads() {
    guard bindsThreads else { return }
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    // A thread that has ended meanwhile needs no place.
    for task in tasks.compactMap({ Int32($0) }) { _ = system.setAffinity(processorMask, task) }
    _ = system.setAffinity(processorMask, 0)
  }
}

/// The number of threads to compute with where nobody says another: see `MachineTopology.threads(within:)`.
package func defaultThreadCount() -> Int {
  (ThreadPlacement.current?.topology ?? .current).threads(within: .current)
}

// MARK: Use

extension ThreadPlacement {
  /// The places of a team's threads.
  struct Places: Sendable {
    /// The processor of each thread, the caller's first.
    let processors: [Int]
    private let masks: [NumberMask]
    private let home: NumberMask
    private let system: System

    fileprivate init(_ processors: [Int], home: NumberMask, _ system: System) {
      self.processors = processors
      masks = processors.map { NumberMask([$0]) }
      (self.home, self.system) = (home, system)
    }

    /// Binds the calling thread to the place of a worker. Takes nothing from the heap.
    ///
    /// A place that is gone, since somebody changed the process's set of processors, is none: the thread stays where it
    /// may be.
    func bind(worker: Int) { _ = system.setAffinity(masks[worker], 0) }

    /// Lets the calling thread run on all processors of the placement.
    func release() { _ = system.setAffinity(home, 0) }
  }

  /// The places for a number of threads; `nil` where threads are not bound.
  func places(threads: Int) -> Places? {
    guard bindsThreads else { return nil }
    let processors = topology.places(threads: threads, isSpread: mode == .distribute, from: homeCache)
    return Places(processors, home: processorMask, system)
  }

  /// Places memory that nothing has touched yet, which begins with a page.
  func place(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    guard !memoryNodes.isEmpty else { return }
    // A preference: what is not placed is near to the thread that touches it first.
    _ = system.placeMemory(UInt(bitPattern: base), byteCount, Self.policy(of: mode), memoryMask)
  }

  /// Calls `body`, which has the system read files into memory, so that they lie where weights do. The calling thread has
  /// the policy afterwards that it had before; where the system does not tell it, nothing is placed.
  func placingFiles(_ body: () -> Void) {
    var before = ck_thread_policy()
    guard !memoryNodes.isEmpty, system.threadPolicy(&before) == 0,
      system.setThreadPolicy(Self.threadPolicy(mode, memoryMask)) == 0
    else { return body() }
    // A policy whose nodes the process has lost meanwhile is refused, and then there is none.
    defer { if system.setThreadPolicy(before) != 0 { _ = system.setThreadPolicy(ck_thread_policy()) } }
    body()
  }
}
