import Foundation
import InferCore

/// The checks of a machine.
struct MachineChecks {
  let machine: MachineReading

  /// The findings, in the order in which they matter.
  var findings: [Finding] {
    [
      kernels, processors, cores, governor, memory, bandwidth, hugePages, reservedPages, swap, overcommit, nodes,
      descriptors, addresses, lockedMemory,
    ].compactMap(\.self)
  }

  private var kernels: Finding {
    let name = machine.files["/proc/cpuinfo", default: ""].split(separator: "\n").first { $0.hasPrefix("model name") }
    let processor = name?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    let found = "\(machine.instructionSet)\(processor.map { ", on \($0)" } ?? "")"
    if let warning = machine.instructionWarning {
      return Finding(
        .warn, "kernels", found, why: warning, advice: "unset INFER_SERVE_ISA, or look at what the system allows")
    }
    guard machine.instructionSet != "plain" else {
      return Finding(
        .warn, "kernels", found, why: "the processor has none of the instruction sets that make kernels fast",
        advice: "use a processor with AVX2, AVX-512, AMX or NEON; of a virtual machine, pass the host's through")
    }
    return Finding(.ok, "kernels", found)
  }

  private var processors: Finding {
    let all = machine.processors
    var found = "\(machine.threads) of \(all) compute"
    if let cores = machine.topology?.coreCount, machine.threads == cores, cores < machine.allowedProcessors {
      found += ", one for each core"
    }
    if let quota = machine.processorQuota, quota < Double(machine.allowedProcessors) {
      found += ", by a control group's quota of \(Quantity.decimal(quota))"
      guard quota < 1 || quota != quota.rounded() else { return Finding(.ok, "processors", found) }
      return Finding(
        .warn, "processors", found,
        why:
          "a quota with a fraction stops all threads together for a part of every tenth of a second, or leaves it unused",
        advice:
          "set the quota to \(Int(quota.rounded(.up))) (docker --cpus, CPUQuota= of systemd, limits.cpu of Kubernetes)")
    }
    if machine.allowedProcessors < all { found += ", by its affinity" }
    return Finding(.ok, "processors", found)
  }

  private var cores: Finding? {
    guard let topology = machine.topology else { return nil }
    let cores = topology.coreCount
    var found = "\(cores) in \(Self.counted(topology.socketCount, "socket"))"
    if topology.cacheCount > 1 { found += ", behind \(topology.cacheCount) last-level caches" }
    guard cores < topology.processors.count else { return Finding(.ok, "cores", found) }
    found += ", with \(topology.processors.count) threads of their own"
    guard machine.threads > cores else { return Finding(.ok, "cores", found) }
    return Finding(
      .ok, "cores", found, why: "threads of one core share its units",
      advice: "infer-serve bench --model MODEL --threads \(cores) tells whether a thread a core is faster here")
  }

  /// `1 socket`, `2 sockets`.
  private static func counted(_ count: Int, _ name: String) -> String { "\(count) \(name)\(count == 1 ? "" : "s")" }

  private var governor: Finding {
    let governors = Set(machine.values(ofProcessors: MachineReading.governor))
    let drivers = Set(machine.values(ofProcessors: MachineReading.driver))
    guard !governors.isEmpty else { return Finding(.ok, "frequency", "not told, as in most virtual machines") }
    let found = governors.sorted().joined(separator: ", ")
    // Where hardware chooses, the governor of that name does not mean the lowest frequency.
    let isHardwares = drivers.isSubset(of: ["intel_pstate", "amd-pstate-epp"]) && !drivers.isEmpty
    guard governors.contains("powersave"), !isHardwares else { return Finding(.ok, "frequency", found) }
    return Finding(
      .warn, "frequency", found, why: "the governor keeps processors at their lowest frequency",
      advice: "sudo cpupower frequency-set -g performance")
  }

  private var memory: Finding {
    let limit = machine.memoryLimit.map { ", of which a control group allows \(Quantity.mebibytes($0))" } ?? ""
    let free = machine.availableMemory < .max ? machine.availableMemory : machine.usableMemory
    let found = "\(Quantity.mebibytes(machine.memoryBytes))\(limit), \(Quantity.mebibytes(free)) free"
    guard free < 1 << 30 || free < machine.usableMemory / 16 else { return Finding(.ok, "memory", found) }
    return Finding(
      .warn, "memory", found, why: "weights and state have to stay in memory",
      advice: "end what else uses it (ps aux --sort=-rss), or raise the limit")
  }

  private var bandwidth: Finding? {
    machine.bandwidth.map {
      Finding(.ok, "bandwidth", String(format: "%.1f GB/s, by which tokens of one answer are bound", $0 / 1e9))
    }
  }

  private var hugePages: Finding {
    guard let text = machine.files[MachineReading.hugePages] else {
      return Finding(.ok, "huge pages", "the kernel has no transparent ones")
    }
    let mode = text.split(separator: " ").first { $0.hasPrefix("[") }.map { String($0.dropFirst().dropLast()) } ?? text
    guard mode == "never" else { return Finding(.ok, "huge pages", "transparent: \(mode)") }
    return Finding(
      .warn, "huge pages", "transparent: never",
      why: "weights and state take many more entries of the processor's tables of addresses, which costs time",
      advice: "echo madvise | sudo tee \(MachineReading.hugePages)")
  }

  private var reservedPages: Finding? {
    guard let pages = machine.memory("HugePages_Total"), pages > 0 else { return nil }
    let bytes = pages.multipliedReportingOverflow(by: machine.memory("Hugepagesize") ?? 2 << 20).partialValue
    return Finding(
      .warn, "huge pages", "\(pages) are reserved, \(Quantity.mebibytes(bytes))",
      why: "they are set aside for programs that ask for hugetlbfs, which infer-serve does not",
      advice: "sudo sysctl vm.nr_hugepages=0, unless another program needs them")
  }

  private var swap: Finding? {
    guard let total = machine.memory("SwapTotal"), let free = machine.memory("SwapFree") else { return nil }
    guard total > 0 else { return Finding(.ok, "swap", "none") }
    let used = max(0, total - free)
    let found = "\(Quantity.mebibytes(used)) of \(Quantity.mebibytes(total)) used"
    guard used > 256 << 20 else { return Finding(.ok, "swap", found) }
    return Finding(
      .warn, "swap", found, why: "weights or state that were swapped out are read again at the pace of a disk",
      advice: "sudo swapoff -a while there is memory free; for the service alone, MemorySwapMax=0 in its unit")
  }

  private var overcommit: Finding? {
    guard machine.files[MachineReading.overcommit] == "2" else { return nil }
    return Finding(
      .warn, "overcommit", "refused (vm.overcommit_memory=2)",
      why: "memory for state is reserved as a whole and counts before it is used, so that less of it can be had",
      advice: "sudo sysctl vm.overcommit_memory=0, or a smaller --kv-cache-mib")
  }

  private var nodes: Finding {
    guard let topology = machine.topology else { return Finding(.ok, "NUMA", "not told") }
    let computing = topology.computingNodes
    let memory = topology.memoryNodes
    let bare = computing.filter { !memory.contains($0) }
    let list = { (nodes: [Int]) in nodes.map(String.init).joined(separator: ", ") }
    let found = computing.count == 1 ? "one node" : "nodes \(list(computing))"
    guard bare.isEmpty || memory.isEmpty else {
      return Finding(
        .warn, "NUMA", found, why: "processors of node \(list(bare)) have no memory nearby",
        advice:
          "taskset -c, or AllowedCPUs= of systemd, with processors of node \(list(memory)) alone; or memory for the "
          + "other (its modules, or AllowedMemoryNodes=)")
    }
    if let warning = machine.placementWarning {
      return Finding(
        .warn, "NUMA", found, why: warning,
        advice: "docker run --cap-add SYS_NICE, or capabilities of Kubernetes' securityContext")
    }
    if let placement = machine.placement { return Finding(.ok, "NUMA", "\(found); \(placement)") }
    guard computing.count > 1 else { return Finding(.ok, "NUMA", found) }
    return Finding(
      .warn, "NUMA", found, why: "threads wait for the memory of other nodes",
      advice: "--numa distribute; or a server for each node, each started there with --numa isolate"
    )
  }

  private var descriptors: Finding {
    guard let limit = machine.descriptorLimit, limit < 4096 else {
      return Finding(.ok, "descriptors", machine.descriptorLimit.map { "\($0)" } ?? "no limit")
    }
    return Finding(
      .warn, "descriptors", "\(limit)", why: "each connection takes one",
      advice: "LimitNOFILE=65536 in the unit, or ulimit -Hn 65536 before the start")
  }

  private var addresses: Finding? {
    guard let limit = machine.addressLimit else { return nil }
    return Finding(
      .warn, "addresses", "\(Quantity.mebibytes(limit)) (ulimit -v)",
      why: "weights are mapped and state is reserved by addresses, most of which take no memory",
      advice: "ulimit -v unlimited; MemoryMax= of systemd limits memory instead")
  }

  private var lockedMemory: Finding {
    // The command locks none, so that no limit is too low.
    Finding(
      .ok, "locked memory",
      (machine.lockedMemoryLimit.map { Quantity.mebibytes($0) } ?? "no limit") + ", and none is needed")
  }
}
