import CKernels
import Glibc
import Synchronization
import Testing

@testable import InferCore

/// Placement with the system's own calls, on this machine's processors under the names of several nodes.
@Suite struct ThreadPlacementTests {
  /// This process's processors on two nodes in turn, of which the first has this machine's memory.
  private func machine(memory: [Int?] = [nil, 0]) -> MachineTopology {
    let ids = Affinity.current ?? [0]
    let processors = ids.enumerated().map { index, id in
      MachineTopology.Processor(id: id, core: id, cache: index % 2, socket: index % 2, node: index % 2)
    }
    return MachineTopology(
      processors: processors, nodes: memory.enumerated().map { .init(id: $0, memoryBytes: $1) })
  }

  private static let hasTwoProcessors = (Affinity.current ?? []).count > 1

  @Test func oneNodeAndCacheNeedNoPlacement() {
    let one = machine().only(node: 0)
    #expect(one.map { ThreadPlacement(.distribute, on: $0) == nil } ?? false)
    #expect(ThreadPlacement.current == nil)
  }

  /// The processors that each worker of a team may run on, by its number.
  private func affinities(_ team: ThreadTeam) -> [[Int]?] {
    let found = Monitor<[[Int]?]>(Array(repeating: nil, count: team.count))
    let arrived = Atomic<Int>(0)
    team.bindCaller()
    // Everybody waits for the others, so that each works on one item.
    unsafe team.forEach(team.count) { _, worker in
      let own = Affinity.current
      found.withLock { $0[worker] = own }
      arrived.add(1, ordering: .sequentiallyConsistent)
      while arrived.load(ordering: .sequentiallyConsistent) < team.count { sched_yield() }
    }
    team.releaseCaller()
    return found.withLock { $0 }
  }

  @Test(.enabled(if: hasTwoProcessors)) func threadsAreBoundWhileTheyCompute() throws {
    let before = Affinity.current
    let machine = machine()
    let placement = try #require(ThreadPlacement(.distribute, on: machine))
    #expect(placement.refusal == nil && placement.memoryNodes == [0])
    #expect(placement.description.hasPrefix("threads bound to nodes 0, 1, memory from node 0"))
    let count = machine.processors.count + 1
    let expected = machine.places(threads: count, isSpread: true).map { [$0] }
    #expect(affinities(try ThreadTeam(count: count, placement: placement)) == expected)
    // The caller is free again, and so are teams without a placement.
    #expect(Affinity.current == before)
    #expect(affinities(try ThreadTeam(count: 2)) == [before, before])
  }

  @Test(.enabled(if: hasTwoProcessors)) func isolatedThreadsStayOnTheirNode() throws {
    let machine = machine(memory: [nil, nil])
    let last = machine.processors[1]
    let placement = try #require(ThreadPlacement(.isolate, on: machine, startedOn: last.id))
    #expect(placement.topology.computingNodes == [last.node])
    let team = try ThreadTeam(count: 3, placement: placement)
    let own = Set(machine.processors.filter { $0.node == last.node }.map(\.id))
    #expect(affinities(team).allSatisfy { Set($0 ?? []).isSubset(of: own) && $0?.count == 1 })
    // What is not told is the first node's.
    let other = try #require(ThreadPlacement(.isolate, on: machine, startedOn: nil))
    #expect(other.topology.computingNodes == [0] && other.memoryNodes == [0])
    #expect(other.description == "threads bound to node 0, memory from node 0")
    // A node without memory has threads alone.
    let bare = try #require(ThreadPlacement(.isolate, on: self.machine(memory: [nil, 0]), startedOn: last.id))
    #expect(bare.memoryNodes == [] && bare.refusal == nil)
    #expect(bare.description == "threads bound to node 1, memory left to the system")
    _ = Affinity.set(NumberMask(machine.processors.map(\.id)))
  }

  @Test(.enabled(if: hasTwoProcessors)) func memoryIsPlacedBeforeItIsTouched() throws {
    let placement = try #require(ThreadPlacement(.distribute, on: machine()))
    try #require(placement.refusal == nil, "this system places no memory")
    let mapping = try AnonymousMapping(byteCount: 1 << 20)
    unsafe placement.place(mapping.base, byteCount: mapping.byteCount)
    var nodes: [UInt64] = Array(repeating: 0, count: 16)
    let policy = unsafe ck_memory_policy_at(mapping.base, &nodes, nodes.count)
    #expect(UInt32(policy) == CK_MEMORY_INTERLEAVED.rawValue && NumberMask.numbers(nodes) == [0])
    var isDone = false
    placement.placingFiles { isDone = true }
    #expect(isDone)
    let isolated = try #require(ThreadPlacement(.isolate, on: machine(memory: [nil, nil]), startedOn: nil))
    unsafe isolated.place(mapping.base, byteCount: mapping.byteCount)
    #expect(UInt32(unsafe ck_memory_policy_at(mapping.base, &nodes, nodes.count)) == CK_MEMORY_PREFERRED.rawValue)
  }

  /// A node that does not exist, and a container that is not allowed anything: told once, and everything works as without.
  @Test func whatIsRefusedIsLeftToTheSystem() throws {
    try #require(Self.hasTwoProcessors)
    let absent = try #require(ThreadPlacement(.distribute, on: machine(memory: [0, 9])))
    #expect(absent.memoryNodes == [] && absent.refusal?.contains("memory is not placed (Invalid argument)") ?? false)
    let calls = Atomic<Int>(0)
    let system = ThreadPlacement.System(
      setAffinity: { _, _ in
        calls.add(1, ordering: .relaxed)
        return EPERM
      }, placeMemory: { _, _, _, _ in ENOSYS })
    let before = Affinity.current
    let refused = try #require(ThreadPlacement(.distribute, on: machine(), system: system))
    let text = try #require(refused.refusal)
    #expect(
      text.contains("threads are not bound (Operation not permitted), memory is not placed (Function not implemented)"))
    #expect(refused.description == "threads on nodes 0, 1, memory left to the system")
    #expect(affinities(try ThreadTeam(count: 2, placement: refused)) == [before, before])
    #expect(calls.load(ordering: .relaxed) == 1)
  }

  /// A node of two caches with two cores of two threads each, of which the process may run on some processors.
  private func cached(_ allowed: Set<Int> = Set(0..<8)) -> MachineTopology {
    let processors = (0..<8).filter(allowed.contains).map { id in
      MachineTopology.Processor(id: id, core: id % 4, cache: id % 4 / 2 * 2, socket: 0, node: 0)
    }
    return MachineTopology(processors: processors, nodes: [.init(id: 0, memoryBytes: 1 << 30)])
  }

  /// The system's calls written down: the processors that threads were bound to. Memory is not to be placed.
  private func recording(_ bound: Monitor<[[Int]]>) -> ThreadPlacement.System {
    ThreadPlacement.System(
      setAffinity: { mask, _ in
        bound.withLock { $0.append(NumberMask.numbers(mask.words)) }
        return 0
      },
      placeMemory: { _, _, _, _ in
        Issue.record("memory of one node is placed")
        return 0
      })
  }

  /// Threads stay behind a cache each, cores before second threads, also where memory has one node.
  @Test(
    arguments: [
      (.distribute, [0, 2, 1, 3], "threads bound to 2 caches of node 0, memory left to the system"),
      (.isolate, [2, 3, 0, 1], "threads bound to 2 caches of node 0, memory left to the system"),
    ] as [(PlacementMode, [Int], String)]) func cachesOfOneNodeKeepTheirThreads(
      mode: PlacementMode, order: [Int], text: String
    ) throws
  {
    let bound = Monitor<[[Int]]>([])
    let placement = try #require(ThreadPlacement(mode, on: cached(), startedOn: 6, system: recording(bound)))
    #expect(placement.description == text && placement.memoryNodes == [] && placement.refusal == nil)
    let two = try #require(placement.places(threads: 2))
    #expect(two.processors == Array(order.prefix(2)))
    #expect(Set(try #require(placement.places(threads: 4)).processors) == Set(0..<4))
    two.bind(worker: 1)
    two.release()
    #expect(bound.withLock { $0 } == [Array(0..<8), [order[1]], Array(0..<8)])
  }

  /// A cpuset or `taskset` that leaves one cache leaves nothing to do, and one that leaves more is never left.
  @Test func placesAreThoseThatTheProcessMayRunOn() throws {
    #expect(ThreadPlacement(.distribute, on: cached([2, 3, 6])) == nil)
    for mode in PlacementMode.allCases {
      let bound = Monitor<[[Int]]>([])
      let placement = try #require(
        ThreadPlacement(mode, on: cached([1, 3, 5]), startedOn: 1, system: recording(bound)))
      let places = try #require(placement.places(threads: 7))
      #expect(Set(places.processors) == [1, 3, 5])
      for worker in 0..<7 { places.bind(worker: worker) }
      places.release()
      #expect(bound.withLock { $0 }.allSatisfy { !$0.isEmpty && Set($0).isSubset(of: [1, 3, 5]) })
    }
  }

  /// The calling thread's policy, as `numactl` and others set it.
  private func policy(_ mode: Int32, _ nodes: [UInt64] = []) -> ck_thread_policy {
    var policy = unsafe ck_make_thread_policy(CK_MEMORY_DEFAULT, nodes, nodes.count)
    policy.mode = mode
    return policy
  }

  private func set(_ policy: ck_thread_policy) -> Int32 {
    unsafe withUnsafePointer(to: policy) { unsafe ck_set_thread_policy($0) }
  }

  private func text(_ policy: ck_thread_policy) -> String { "\(policy.mode) \(policy.nodes)" }

  private func threadPolicy() throws -> ck_thread_policy {
    var found = ck_thread_policy()
    let error = unsafe ck_get_thread_policy(&found)
    try #require(error == 0, "this system tells no policies of memory")
    return found
  }

  /// `numactl --membind`, `--interleave` and `--preferred` are numbers 2, 3 and 1 of the system's.
  @Test(.enabled(if: hasTwoProcessors), arguments: [(2, [1]), (3, [1]), (1, [1]), (0, [])] as [(Int32, [UInt64])])
  func filesLeaveTheThreadItsPolicy(mode: Int32, nodes: [UInt64]) throws {
    let placement = try #require(ThreadPlacement(.distribute, on: machine()))
    try #require(placement.refusal == nil, "this system places no memory")
    let outside = policy(mode, nodes)
    let error = set(outside)
    try #require(error == 0, "\(systemErrorText(error))")
    defer { _ = set(ck_thread_policy()) }
    var within = ck_thread_policy()
    placement.placingFiles { _ = unsafe ck_get_thread_policy(&within) }
    #expect(text(within) == text(policy(3, [1])))
    #expect(text(try threadPolicy()) == text(outside))
    // Who starts with a policy has placed the memory.
    let second = try #require(ThreadPlacement(.distribute, on: machine()))
    #expect(second.memoryNodes == (mode == 0 ? [0] : []) && second.refusal == nil)
    #expect(second.description.hasSuffix("memory by the policy that the process was started with") == (mode != 0))
    second.placingFiles { _ = unsafe ck_get_thread_policy(&within) }
    #expect(text(within) == text(mode == 0 ? policy(3, [1]) : outside))
    #expect(text(try threadPolicy()) == text(outside))
  }

  /// Containers under seccomp: where a policy cannot be read, none is set; one that cannot be had back is none.
  @Test(.enabled(if: hasTwoProcessors)) func policiesThatAreNotToldAreNotChanged() throws {
    let calls = Monitor<[String]>([])
    var system = ThreadPlacement.System(setAffinity: { _, _ in 0 }, placeMemory: { _, _, _, _ in 0 })
    system.threadPolicy = { _ in EPERM }
    system.setThreadPolicy = { policy in
      calls.withLock { $0.append("\(policy.mode)") }
      return 0
    }
    let mute = try #require(ThreadPlacement(.distribute, on: machine(), system: system))
    #expect(mute.memoryNodes == [0])
    #expect(mute.refusal?.contains("distribute: files are not placed (Operation not permitted); a container") ?? false)
    var count = 0
    mute.placingFiles { count += 1 }
    #expect(count == 1 && calls.withLock { $0 } == [])

    system.threadPolicy = { policy in
      // The thread is given a policy after the start.
      policy.mode = calls.withLock { $0.isEmpty } ? 0 : 2
      return 0
    }
    let placement = try #require(ThreadPlacement(.distribute, on: machine(), system: system))
    #expect(placement.refusal == nil && calls.withLock { $0 } == ["3", "0"])
    placement.placingFiles { count += 1 }
    #expect(count == 2 && calls.withLock { $0 } == ["3", "0", "3", "2"])

    system.setThreadPolicy = { policy in
      calls.withLock { $0.append("\(policy.mode)") }
      return policy.mode == 2 ? EINVAL : 0
    }
    calls.withLock { $0 = [] }
    let lost = try #require(ThreadPlacement(.distribute, on: machine(), system: system))
    lost.placingFiles {}
    #expect(calls.withLock { $0 } == ["3", "0", "3", "2", "0"])
  }

  @Test func masksHaveABitForEachNumber() {
    for numbers in [[0], [63], [64], [3, 64, 200], []] {
      let mask = NumberMask(numbers)
      #expect(!mask.words.isEmpty && NumberMask.numbers(mask.words) == numbers)
    }
  }
}
