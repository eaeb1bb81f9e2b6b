/// How the processors that this process may run on are made up: which are of one core, which have a cache in common, and
/// which memory is near.
///
/// Everything comes from files that the system writes (sysfs, procfs). What is missing or makes no sense is taken for the
/// simplest: a processor that is not told to share its core has one of its own, and one that no node has is of the first.
package struct MachineTopology: Sendable, Equatable {
  /// A processor, as the system counts them: of a core that runs two threads there are two.
  package struct Processor: Sendable, Equatable {
    /// The system's number.
    package let id: Int
    /// The least number of a processor of the same core.
    package let core: Int
    /// The least number of a processor behind the same last-level cache; of a machine without a third level, of the same
    /// socket.
    package let cache: Int
    /// The number of the socket.
    package let socket: Int
    /// The number of the node.
    package let node: Int

    /// Creates a processor; see the properties.
    package init(id: Int, core: Int, cache: Int, socket: Int, node: Int) {
      (self.id, self.core, self.cache, self.socket, self.node) = (id, core, cache, socket, node)
    }
  }

  /// A part of the memory, and the processors that are near to it.
  package struct Node: Sendable, Equatable {
    /// The system's number.
    package let id: Int
    /// Bytes of its memory; 0 where it has none, `nil` where that is not told.
    package let memoryBytes: Int?
    /// `true` where this process may take memory from it.
    package let isMemoryAllowed: Bool

    /// Creates a node; see the properties.
    package init(id: Int, memoryBytes: Int?, isMemoryAllowed: Bool = true) {
      (self.id, self.memoryBytes, self.isMemoryAllowed) = (id, memoryBytes, isMemoryAllowed)
    }

    /// `true` where memory can be had from it.
    package var hasMemory: Bool { isMemoryAllowed && memoryBytes != 0 }
  }

  /// The processors that the process may run on, by number; at least one.
  package let processors: [Processor]
  /// The nodes, by number, with those that have no memory, or no processor that may be used; at least one.
  package let nodes: [Node]

  /// The topology at its first use.
  package static let current = MachineTopology(root: "", affinity: Affinity.current)

  /// - Parameters:
  ///   - root: The folder that stands for `/`; the empty path for that itself.
  ///   - affinity: The processors that the process may run on, as far as the caller knows; `nil` for what files say.
  init(root: String, affinity: [Int]? = nil) {
    let files = SystemFiles(root: root)
    let status = files.text("/proc/self/status") ?? ""
    func allowed(_ name: String) -> [Int]? { SystemFiles.line(name, in: status).flatMap(SystemFiles.numbers) }
    let sets = [affinity, allowed("Cpus_allowed_list:"), files.numbers("/sys/devices/system/cpu/online")]
      .compactMap { $0.map(Set.init) }.filter { !$0.isEmpty }
    var ids = sets.dropFirst().reduce(sets.first ?? [0]) { $0.intersection($1) }
    // Sets with nothing in common are of no one machine.
    if ids.isEmpty { ids = sets[0] }
    let read = Self.nodes(files, memory: allowed("Mems_allowed_list:").map(Set.init))
    processors = Self.processors(ids.sorted(), files, nodes: read)
    nodes = read.isEmpty ? [Node(id: 0, memoryBytes: nil, isMemoryAllowed: true)] : read.map(\.node)
  }

  /// A machine that is known already.
  ///
  /// - Precondition: there is a processor, and a node.
  package init(processors: [Processor], nodes: [Node]) {
    precondition(!processors.isEmpty && !nodes.isEmpty, "a machine without processors, or without nodes")
    (self.processors, self.nodes) = (processors, nodes)
  }

  /// The number of cores.
  package var coreCount: Int { Set(processors.map(\.core)).count }

  /// The number of last-level caches.
  package var cacheCount: Int { Set(processors.map(\.cache)).count }

  /// The number of sockets.
  package var socketCount: Int { Set(processors.map(\.socket)).count }

  /// The nodes with processors that may be used, by number.
  package var computingNodes: [Int] { Set(processors.map(\.node)).sorted() }

  /// The nodes that memory for computing comes from: those that have both; where no node has, all that have memory.
  package var memoryNodes: [Int] {
    let computing = Set(computingNodes)
    let all = nodes.filter(\.hasMemory).map(\.id)
    let near = all.filter(computing.contains)
    return near.isEmpty ? all : near
  }

  /// The number of threads that compute fastest: one for each core, and no more than control groups give time to.
  package func threads(within limits: MachineLimits) -> Int { max(1, min(coreCount, limits.threads)) }

  /// The same machine with the processors of one node alone; `nil` where it has none.
  package func only(node: Int) -> MachineTopology? {
    let own = processors.filter { $0.node == node }
    return own.isEmpty ? nil : MachineTopology(processors: own, nodes: nodes)
  }
}

// MARK: Reading

extension MachineTopology {
  private typealias ReadNode = (node: Node, processors: [Int])

  /// The most nodes that the system manages.
  private static let mostNodes = 1024

  private static func nodes(_ files: SystemFiles, memory allowed: Set<Int>?) -> [ReadNode] {
    let folder = "/sys/devices/system/node"
    return (files.numbers(folder + "/online") ?? []).prefix(mostNodes).map { id in
      let text = files.text("\(folder)/node\(id)/meminfo") ?? ""
      let words = SystemFiles.line("Node \(id) MemTotal:", in: text)?.split(separator: " ") ?? []
      let bytes = words.first.flatMap { Int($0) }.map { $0.multipliedReportingOverflow(by: 1024) }
      let total = bytes.flatMap { $0.overflow || $0.partialValue < 0 ? nil : $0.partialValue }
      let node = Node(id: id, memoryBytes: total, isMemoryAllowed: allowed?.contains(id) ?? true)
      return (node, files.numbers("\(folder)/node\(id)/cpulist") ?? [])
    }
  }

  /// The most threads that a core runs on any machine.
  private static let mostThreadsPerCore = 8

  private static func processors(_ ids: [Int], _ files: SystemFiles, nodes: [ReadNode]) -> [Processor] {
    var (cores, caches, sockets, owners): ([Int: Int], [Int: Int], [Int: Int], [Int: Int]) = ([:], [:], [:], [:])
    for (node, processors) in nodes {
      for id in processors where owners[id] == nil { owners[id] = node.id }
    }
    // One of a core or behind a cache tells of the others. Where two contradict each other, the first is believed.
    func note(_ members: [Int]?, of id: Int, in groups: inout [Int: Int], most: Int = .max) {
      guard groups[id] == nil else { return }
      guard let members, members.count <= most, members.contains(id) else {
        groups[id] = id
        return
      }
      for member in members where groups[member] == nil { groups[member] = members[0] }
    }
    // Processors without a third level of cache are together as their sockets are.
    var isCached = false
    for id in ids {
      let folder = "/sys/devices/system/cpu/cpu\(id)"
      if cores[id] == nil {
        let members =
          files.numbers(folder + "/topology/core_cpus_list") ?? files.numbers(folder + "/topology/thread_siblings_list")
        note(members, of: id, in: &cores, most: mostThreadsPerCore)
      }
      if sockets[id] == nil {
        let members = files.numbers(folder + "/topology/package_cpus_list") ?? []
        sockets[id] = max(0, files.number(folder + "/topology/physical_package_id") ?? 0)
        if members.contains(id) {
          for member in members where sockets[member] == nil { sockets[member] = sockets[id] }
        }
      }
      if caches[id] == nil {
        let members = lastLevelSharers(folder, files)
        isCached = isCached || members != nil
        note(members, of: id, in: &caches)
      }
    }
    let first = nodes.first { !$0.processors.isEmpty }?.node.id ?? nodes.first?.node.id ?? 0
    var leaders: [Int: Int] = [:]
    return ids.map { id in
      let socket = sockets[id] ?? 0
      let leader = leaders[socket] ?? id
      leaders[socket] = leader
      return Processor(
        id: id, core: cores[id] ?? id, cache: isCached ? caches[id] ?? id : leader, socket: socket,
        node: owners[id] ?? first)
    }
  }

  /// The processors behind the cache of the highest level that a processor has, from the third level on.
  private static func lastLevelSharers(_ folder: String, _ files: SystemFiles) -> [Int]? {
    let levels = (0..<8).map { (level: files.number("\(folder)/cache/index\($0)/level") ?? 0, index: $0) }
    guard let last = levels.max(by: { $0.level < $1.level }), last.level >= 3 else { return nil }
    return files.numbers("\(folder)/cache/index\(last.index)/shared_cpu_list")
  }
}

// MARK: Order

extension MachineTopology {
  /// The processors for a number of threads, a thread each; threads that are more than processors begin again.
  ///
  /// Cores come before the second threads of any of them, and consecutive threads are near to each other.
  ///
  /// - Parameters:
  ///   - threads: The number of threads, at least 1.
  ///   - isSpread: `true` to give each node its share of the threads, and within it each cache, by their cores: a cache's
  ///     way to memory is narrower than its node's memory on many machines. Otherwise caches, and nodes, are filled one
  ///     after another.
  ///   - cache: The number of the cache that is the first of its node; by default the one with the least number.
  package func places(threads: Int, isSpread: Bool, from cache: Int? = nil) -> [Int] {
    precondition(threads > 0, "\(threads) threads")
    var groups = [(list: ranked(from: cache), count: threads)]
    for key in isSpread ? [\Processor.node, \Processor.cache] : [] {
      groups = groups.flatMap { list, count in
        let parts = Set(list.map { $0.processor[keyPath: key] }).sorted().map { value in
          list.filter { $0.processor[keyPath: key] == value }
        }
        return zip(parts, Self.shares(of: count, among: parts)).map { (list: $0, count: $1) }
      }
    }
    return groups.flatMap { list, count in
      (0..<count).map { list[$0 % list.count] }.sorted { $0.place < $1.place }.map(\.processor.id)
    }
  }

  /// A processor, and where it stands among all, neighbours beside each other.
  private struct Ranked {
    var processor: Processor
    var place: Int
  }

  /// In the order in which they are taken where a cache is the first of its node.
  private func ranked(from cache: Int?) -> [Ranked] {
    func distance(_ processor: Processor) -> Int { processor.cache == cache ? 0 : 1 }
    let near = processors.sorted {
      ($0.node, distance($0), $0.cache, $0.core, $0.id) < ($1.node, distance($1), $1.cache, $1.core, $1.id)
    }
    var taken: [Int: Int] = [:]
    let rounds = near.enumerated().map { place, processor in
      let round = taken[processor.core, default: 0]
      taken[processor.core] = round + 1
      return (round: round, ranked: Ranked(processor: processor, place: place))
    }
    return rounds.sorted { ($0.round, $0.ranked.place) < ($1.round, $1.ranked.place) }.map(\.ranked)
  }

  /// Divides a number of threads by the cores of lists, one at a time to whoever has the least and a processor left.
  private static func shares(of count: Int, among lists: [[Ranked]]) -> [Int] {
    let cores = lists.map { Set($0.map(\.processor.core)).count }
    let (rounds, rest) = count.quotientAndRemainder(dividingBy: lists.reduce(0) { $0 + $1.count })
    var shares = lists.map { _ in 0 }
    for _ in 0..<rest {
      let next = lists.indices.filter { shares[$0] < lists[$0].count }
        .min { shares[$0] * cores[$1] < shares[$1] * cores[$0] }
      if let next { shares[next] += 1 }
    }
    return zip(shares, lists).map { $0 + rounds * $1.count }
  }
}
