import Foundation
import TestSupport
import Testing

@testable import InferCore

/// Machines that nobody has here, read from folders that look like `/`.
@Suite struct MachineTopologyTests {
  /// What is read from a root with these files.
  private func topology(_ files: [String: String], affinity: [Int]? = nil) throws -> MachineTopology {
    let root = try TemporaryFolder(inMemory: true)
    for folder in Set(files.keys.map { root.url.appending(path: $0).deletingLastPathComponent() }) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    for (path, text) in files { try root.write(path, text) }
    return MachineTopology(root: root.url.path, affinity: affinity)
  }

  private static let processors = "sys/devices/system/cpu"
  private static let nodes = "sys/devices/system/node"

  /// The files of a machine whose cores' second threads are numbered behind all first ones.
  ///
  /// - Parameters:
  ///   - memory: KiB of each node.
  private func files(
    sockets: Int, cores: Int, threads: Int, coresPerCache: Int, nodesPerSocket: Int = 1, memory: Int = 64 << 20
  ) -> [String: String] {
    let (all, nodeCount) = (sockets * cores, sockets * nodesPerSocket)
    func list(_ cores: Range<Int>) -> String {
      (0..<threads).map { "\(cores.lowerBound + $0 * all)-\(cores.upperBound - 1 + $0 * all)" }.joined(separator: ",")
    }
    var files = [
      "\(Self.processors)/online": "0-\(all * threads - 1)\n", "\(Self.nodes)/online": "0-\(nodeCount - 1)\n",
      "proc/self/status":
        "Name:\tx\nCpus_allowed_list:\t0-\(all * threads - 1)\nMems_allowed_list:\t0-\(nodeCount - 1)\n",
    ]
    for id in 0..<all * threads {
      let core = id % all
      let folder = "\(Self.processors)/cpu\(id)"
      files["\(folder)/topology/core_cpus_list"] =
        (0..<threads).map { "\(core + $0 * all)" }.joined(separator: ",") + "\n"
      files["\(folder)/topology/physical_package_id"] = "\(core / cores)\n"
      let first = core / coresPerCache * coresPerCache
      for (index, (level, members)) in [(1, core..<core + 1), (2, core..<core + 1), (3, first..<first + coresPerCache)]
        .enumerated()
      {
        files["\(folder)/cache/index\(index)/level"] = "\(level)\n"
        files["\(folder)/cache/index\(index)/shared_cpu_list"] = list(members) + "\n"
      }
    }
    let coresPerNode = cores / nodesPerSocket
    for node in 0..<nodeCount {
      files["\(Self.nodes)/node\(node)/cpulist"] = list(node * coresPerNode..<(node + 1) * coresPerNode) + "\n"
      files["\(Self.nodes)/node\(node)/meminfo"] =
        "Node \(node) MemTotal:       \(memory) kB\nNode \(node) MemFree: 5 kB\n"
    }
    return files
  }

  /// Adds a node behind those that there are.
  private func add(node id: Int, processors: String, memory: String, to files: inout [String: String]) {
    files["\(Self.nodes)/online"] = "0-\(id)\n"
    files["\(Self.nodes)/node\(id)/cpulist"] = processors + "\n"
    files["\(Self.nodes)/node\(id)/meminfo"] = memory + "\n"
  }

  /// Two sockets of 32 cores with two threads each.
  @Test func twoSocketsWithSiblings() throws {
    let found = try topology(files(sockets: 2, cores: 32, threads: 2, coresPerCache: 32))
    #expect(found.processors.count == 128 && found.coreCount == 64 && found.cacheCount == 2)
    #expect(found.socketCount == 2 && found.computingNodes == [0, 1] && found.memoryNodes == [0, 1])
    #expect(found.processors[100] == .init(id: 100, core: 36, cache: 32, socket: 1, node: 1))
    #expect(found.nodes[1] == .init(id: 1, memoryBytes: 64 << 30))
    // A thread a core, node after node; then cores' second threads, each behind the first.
    #expect(found.places(threads: 64, isSpread: false) == Array(0..<64))
    #expect(found.places(threads: 40, isSpread: false) == Array(0..<40))
    #expect(found.places(threads: 66, isSpread: false).prefix(6) == [0, 64, 1, 65, 2, 3])
    #expect(found.places(threads: 8, isSpread: true) == [0, 1, 2, 3, 32, 33, 34, 35])
    #expect(found.places(threads: 3, isSpread: true) == [0, 1, 32])
    #expect(Set(found.places(threads: 128, isSpread: true)) == Set(0..<128))
    // More threads than processors begin again.
    let many = found.places(threads: 300, isSpread: true)
    #expect(many.count == 300 && Set(many) == Set(0..<128) && many.prefix(150).allSatisfy { $0 % 64 < 32 })
    let one = try #require(found.only(node: 1))
    #expect(one.coreCount == 32 && one.computingNodes == [1] && one.memoryNodes == [1])
    #expect(one.places(threads: 2, isSpread: true) == [32, 33] && found.only(node: 2) == nil)
  }

  /// A socket of 64 cores in four nodes, whose caches have eight cores each.
  @Test func severalCachesInSeveralNodes() throws {
    let found = try topology(files(sockets: 1, cores: 64, threads: 2, coresPerCache: 8, nodesPerSocket: 4))
    #expect(found.coreCount == 64 && found.cacheCount == 8 && found.computingNodes == [0, 1, 2, 3])
    // Caches are filled together, or get their shares as nodes do.
    #expect(found.places(threads: 12, isSpread: false) == Array(0..<12))
    #expect(found.places(threads: 8, isSpread: true) == [0, 8, 16, 24, 32, 40, 48, 56])
    #expect(found.places(threads: 40, isSpread: true).prefix(10) == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12])
    #expect(Set(found.places(threads: 64, isSpread: true)) == Set(0..<64))
    // A node begins with the cache that is asked for, if it has that.
    let node = try #require(found.only(node: 1))
    #expect(node.places(threads: 10, isSpread: false, from: 24) == [24, 25, 26, 27, 28, 29, 30, 31, 16, 17])
    #expect(node.places(threads: 10, isSpread: false, from: 0) == Array(16..<26))
  }

  /// A socket of one node whose caches have four cores each, and a process that may run on some of its processors.
  @Test func cachesOfOneNodeAreSharedOut() throws {
    let all = files(sockets: 1, cores: 16, threads: 2, coresPerCache: 4)
    let found = try topology(all)
    #expect(found.cacheCount == 4 && found.computingNodes == [0])
    #expect(found.places(threads: 4, isSpread: true) == [0, 4, 8, 12])
    #expect(found.places(threads: 6, isSpread: true) == [0, 1, 4, 5, 8, 12])
    #expect(found.places(threads: 6, isSpread: false, from: 8) == [8, 9, 10, 11, 0, 1])
    #expect(found.places(threads: 16, isSpread: true) == Array(0..<16))
    // Second threads of cores come when there is no other core behind the cache.
    #expect(found.places(threads: 20, isSpread: true).prefix(5) == [0, 16, 1, 2, 3])
    // Three cores behind one cache, one and its sibling behind another: a share by cores.
    let masked = try topology(all, affinity: [1, 2, 3, 9, 25])
    #expect(masked.coreCount == 4 && masked.cacheCount == 2)
    #expect(masked.places(threads: 4, isSpread: true) == [1, 2, 3, 9])
    #expect(Set(masked.places(threads: 5, isSpread: true)) == [1, 2, 3, 9, 25])
    #expect(try topology(all, affinity: [9, 25]).cacheCount == 1)
  }

  @Test func nodesWithoutMemoryGiveNone() throws {
    var files = files(sockets: 2, cores: 4, threads: 1, coresPerCache: 4)
    files["\(Self.nodes)/node1/meminfo"] = "Node 1 MemTotal:       0 kB\n"
    let found = try topology(files)
    #expect(found.computingNodes == [0, 1] && found.memoryNodes == [0] && !found.nodes[1].hasMemory)
    // And where the one with memory is not this process's, what there is has to do.
    add(node: 2, processors: "", memory: "Node 2 MemTotal: 9 kB", to: &files)
    files["proc/self/status"] = "Cpus_allowed_list:\t4-7\nMems_allowed_list:\t0,2\n"
    let far = try topology(files)
    #expect(far.computingNodes == [1] && far.memoryNodes == [0, 2] && far.nodes.count == 3)
  }

  /// Memory alone, as that behind CXL, is slower than the others': no weights go there.
  @Test func nodesWithoutProcessorsComputeNothing() throws {
    var files = files(sockets: 1, cores: 4, threads: 1, coresPerCache: 4)
    add(node: 1, processors: "", memory: "Node 1 MemTotal:       1000 kB", to: &files)
    files["proc/self/status"] = "Cpus_allowed_list:\t0-3\nMems_allowed_list:\t0-1\n"
    let found = try topology(files)
    #expect(found.nodes.map(\.hasMemory) == [true, true])
    #expect(found.computingNodes == [0] && found.memoryNodes == [0] && found.only(node: 1) == nil)
  }

  @Test func containersOfSiblingsHaveOneCore() throws {
    var files = files(sockets: 2, cores: 32, threads: 2, coresPerCache: 32)
    files["proc/self/status"] = "Cpus_allowed_list:\t5,69\nMems_allowed_list:\t0-1\n"
    let limits = MachineLimits(ControlGroups(), processors: 128, allowed: 2, memoryBytes: 1 << 40)
    let found = try topology(files)
    #expect(found.processors.map(\.id) == [5, 69] && found.coreCount == 1 && found.threads(within: limits) == 1)
    #expect(found.places(threads: 2, isSpread: true) == [5, 69] && found.memoryNodes == [0])
    // The set that the system tells the process itself counts as well.
    #expect(try topology(files, affinity: [69, 100]).processors.map(\.id) == [69])
  }

  @Test(
    arguments: [(nil, 8), (4, 4), (2.9, 2), (0.5, 1), (200, 8)] as [(Double?, Int)]
  ) func threadsAreOneForEachCoreWithinQuotas(quota: Double?, threads: Int) throws {
    let found = try topology(files(sockets: 2, cores: 4, threads: 2, coresPerCache: 2))
    let limits = MachineLimits(
      ControlGroups(processorQuota: quota), processors: 16, allowed: 16, memoryBytes: 1 << 40)
    #expect(found.threads(within: limits) == threads)
  }

  /// Without files every processor has a core of its own, and all are of one node.
  @Test func nothingIsKnownWithoutFiles() throws {
    let found = try topology([:], affinity: [3, 1, 8])
    #expect(found.processors.map(\.id) == [1, 3, 8] && found.coreCount == 3 && found.cacheCount == 1)
    #expect(
      found.computingNodes == [0] && found.memoryNodes == [0] && found.places(threads: 2, isSpread: true) == [1, 3])
    #expect(try topology([:]).processors.map(\.id) == [0])
    // An older system has other names, and no third level of cache.
    var files = files(sockets: 2, cores: 2, threads: 2, coresPerCache: 2)
    for id in 0..<8 {
      let folder = "\(Self.processors)/cpu\(id)"
      files["\(folder)/topology/thread_siblings_list"] = files.removeValue(forKey: "\(folder)/topology/core_cpus_list")
      files["\(folder)/cache/index2/level"] = nil
    }
    let old = try topology(files)
    #expect(old.coreCount == 4 && old.cacheCount == 2 && old.places(threads: 4, isSpread: false) == [0, 1, 2, 3])
  }

  @Test(arguments: [
    "", "\n", "x", "-", "-1", "1-", "3-1", "0-99999999999", "99999999999999999999999", ",", "0,,1", "\u{0}\u{fffd}",
    "0-1:1/2", "٣", "65536", "0x3",
  ]) func garbageIsReadAsNothing(text: String) throws {
    var files = files(sockets: 2, cores: 2, threads: 2, coresPerCache: 2)
    for path in files.keys where path.hasPrefix("sys") { files[path] = text }
    files["proc/self/status"] = "Cpus_allowed_list:\t0-7\nMems_allowed_list:\t\(text)\n"
    let found = try topology(files)
    #expect(found.processors.map(\.id) == Array(0...7) && !found.nodes.isEmpty)
    #expect(found.places(threads: 5, isSpread: true).count == 5)
    files["proc/self/status"] = text
    #expect(try topology(files).processors.count == 1)
    #expect(try topology(files, affinity: [0, 1]).processors.map(\.id) == [0, 1])
  }

  /// Files that contradict each other, as while processors come and go.
  @Test func contradictionsAreSettled() throws {
    var files = files(sockets: 1, cores: 4, threads: 1, coresPerCache: 4)
    files["\(Self.processors)/cpu1/topology/core_cpus_list"] = "2-3\n"
    files["\(Self.processors)/cpu2/topology/core_cpus_list"] = "2,1\n"
    files["\(Self.processors)/cpu3/topology/core_cpus_list"] = "0-4000\n"
    files["\(Self.processors)/cpu0/topology/physical_package_id"] = "-1\n"
    add(
      node: 1, processors: "0-3,77", memory: "Node 1 MemTotal: 99999999999999999 kB\nNode 0 MemTotal: -1 kB", to: &files
    )
    let found = try topology(files)
    #expect(found.processors.map(\.core) == [0, 1, 1, 3])
    #expect(found.processors.allSatisfy { $0.node == 0 && $0.socket == 0 })
    #expect(found.nodes[1].memoryBytes == nil && found.computingNodes == [0])
  }

  @Test func thisMachineHasATopology() {
    let found = MachineTopology.current
    #expect(found.processors.map(\.id) == Affinity.current)
    #expect((1...found.processors.count).contains(found.coreCount) && !found.memoryNodes.isEmpty)
    #expect(defaultThreadCount() == min(found.coreCount, MachineLimits.current.threads))
  }
}
