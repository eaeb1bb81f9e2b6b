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
      MachineTopology.Processor(id: id, core: id, cache: id, socket: index % 2, node: index % 2)
    }
    return MachineTopology(
      processors: processors, nodes: memory.enumerated().map { .init(id: $0, memoryBytes: $1) })
  }

  private static let hasTwoProcessors = (Affinity.current ?? []).count > 1

  @Test func oneNodeNeedsNoPlacement() {
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

  @Test func masksHaveABitForEachNumber() {
    for numbers in [[0], [63], [64], [3, 64, 200], []] {
      let mask = NumberMask(numbers)
      #expect(!mask.words.isEmpty && NumberMask.numbers(mask.words) == numbers)
    }
  }
}
