import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

@testable import infer_serve

struct DoctorTests {
  /// A machine with which all is well.
  private var sound: MachineReading {
    var machine = MachineReading()
    machine.processors = 8
    machine.allowedProcessors = 8
    machine.threads = 8
    machine.memoryBytes = 64 << 30
    machine.availableMemory = 60 << 30
    machine.instructionSet = "avx512-vnni"
    machine.availableSets = ["avx512-vnni", "avx512", "avx2", "plain"]
    machine.lockedMemoryLimit = 8 << 20
    machine.bandwidth = 80e9
    machine.files = [
      "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Some Processor\n",
      "/proc/meminfo":
        "MemTotal: 67108864 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB",
      MachineReading.hugePages: "always [madvise] never", MachineReading.overcommit: "0",
    ]
    machine.topology = topology()
    for index in 0..<8 {
      machine.files["/sys/devices/system/cpu/cpu\(index)/\(MachineReading.governor)"] = "schedutil"
      machine.files["/sys/devices/system/cpu/cpu\(index)/\(MachineReading.driver)"] = "acpi-cpufreq"
    }
    return machine
  }

  /// Eight processors on these nodes in turn, of cores with as many threads as is said.
  private func topology(nodes: [MachineTopology.Node] = [.init(id: 0, memoryBytes: 1 << 30)], threads: Int = 1)
    -> MachineTopology
  {
    MachineTopology(
      processors: (0..<8).map { id in
        .init(id: id, core: id % (8 / threads), cache: 0, socket: 0, node: nodes[id % nodes.count].id)
      }, nodes: nodes)
  }

  private func worries(_ change: (inout MachineReading) -> Void) -> [Finding] {
    var machine = sound
    change(&machine)
    return MachineChecks(machine: machine).findings.filter { $0.level != .ok }
  }

  @Test func aSoundMachineIsWell() {
    let findings = MachineChecks(machine: sound).findings
    #expect(findings.allSatisfy { $0.level == .ok }, "\(findings)")
    #expect(findings.first?.found == "avx512-vnni, on Some Processor")
    #expect(findings.map(\.check).contains("bandwidth"))
  }

  @Test func whatIsWrongIsToldWithWhatToDo() {
    let path = "/sys/devices/system/cpu/cpu3/\(MachineReading.governor)"
    let cases: [(check: String, advice: String, change: (inout MachineReading) -> Void)] = [
      ("kernels", "unset INFER_SERVE_ISA", { $0.instructionWarning = "odd" }),
      ("kernels", "use a processor with AVX2", { $0.instructionSet = "plain" }),
      ("processors", "set the quota to 3", { ($0.processorQuota, $0.threads) = (2.5, 2) }),
      ("frequency", "sudo cpupower frequency-set -g performance", { $0.files[path] = "powersave" }),
      ("memory", "end what else uses it", { $0.availableMemory = 3 << 30 }),
      (
        "huge pages", "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
        { $0.files[MachineReading.hugePages] = "always madvise [never]" }
      ),
      (
        "huge pages", "sudo sysctl vm.nr_hugepages=0",
        { $0.files["/proc/meminfo"] = "HugePages_Total:     512\nHugepagesize:       2048 kB" }
      ),
      ("swap", "sudo swapoff -a", { $0.files["/proc/meminfo"] = "SwapTotal: 2097152 kB\nSwapFree: 1048576 kB" }),
      ("overcommit", "sudo sysctl vm.overcommit_memory=0", { $0.files[MachineReading.overcommit] = "2" }),
      (
        "NUMA", "--numa distribute",
        { $0.topology = topology(nodes: [.init(id: 0, memoryBytes: 9), .init(id: 3, memoryBytes: nil)]) }
      ),
      (
        "NUMA", "docker run --cap-add SYS_NICE",
        {
          $0.topology = topology(nodes: [.init(id: 0, memoryBytes: 9), .init(id: 3, memoryBytes: nil)])
          ($0.placement, $0.placementWarning) = ("threads on nodes 0, 3", "refused")
        }
      ),
      (
        "NUMA", "taskset -c, or AllowedCPUs= of systemd, with processors of node 0 alone",
        { $0.topology = topology(nodes: [.init(id: 0, memoryBytes: 9), .init(id: 3, memoryBytes: 0)]) }
      ),
      ("descriptors", "LimitNOFILE=65536", { $0.descriptorLimit = 1024 }),
      ("addresses", "ulimit -v unlimited", { $0.addressLimit = 4 << 30 }),
    ]
    for (check, advice, change) in cases {
      let found = worries(change)
      #expect(found.count == 1 && found[0].check == check && found[0].why != nil, "\(check): \(found)")
      #expect(found.first?.advice?.hasPrefix(advice) ?? false, "\(check): \(found)")
    }
  }

  @Test func whatIsLimitedOnPurposeIsWell() {
    #expect(worries { ($0.processorQuota, $0.threads) = (4, 4) }.isEmpty)
    #expect(worries { ($0.allowedProcessors, $0.threads) = (2, 2) }.isEmpty)
    #expect(
      worries {
        $0.topology = topology(nodes: [.init(id: 0, memoryBytes: 9), .init(id: 1, memoryBytes: 9)])
        $0.placement = "threads bound to nodes 0, 1"
      }.isEmpty)
    #expect(worries { $0.memoryLimit = 16 << 30 }.isEmpty)
    // Hardware that chooses frequencies has a governor of that name.
    let paths = (0..<8).map { "/sys/devices/system/cpu/cpu\($0)/" }
    #expect(
      worries {
        for path in paths {
          $0.files[path + MachineReading.governor] = "powersave"
          $0.files[path + MachineReading.driver] = "intel_pstate"
        }
      }.isEmpty)
    var machine = sound
    machine.placement = "threads bound to 2 caches of node 0, memory left to the system"
    let nodes = MachineChecks(machine: machine).findings.first { $0.check == "NUMA" }
    #expect(nodes?.level == .ok && nodes?.found == "one node; \(machine.placement ?? "")")
    machine.topology = topology(threads: 2)
    let cores = MachineChecks(machine: machine).findings.first { $0.check == "cores" }
    #expect(cores?.level == .ok && cores?.advice?.contains("--threads 4") ?? false)
    #expect(cores?.found == "4 in 1 socket, with 8 threads of their own")
    machine.threads = 4
    let findings = MachineChecks(machine: machine).findings
    #expect(findings.first { $0.check == "cores" }?.advice == nil)
    #expect(findings.first { $0.check == "processors" }?.found == "4 of 8 compute, one for each core")
  }

  @Test func damagedFilesAreNoFindings() {
    let found = worries {
      $0.files["/proc/meminfo"] =
        "SwapTotal: -1 kB\nSwapFree: x\nHugePages_Total:\nHugePages_Total: 99999999999999999999"
      $0.files["/proc/cpuinfo"] = "model name"
      $0.files[MachineReading.hugePages] = ""
    }
    #expect(found.isEmpty, "\(found)")
    #expect(worries { ($0.files, $0.topology) = ([:], nil) }.isEmpty)
  }

  @Test func thisMachineIsRead() {
    let machine = MachineReading.current()
    #expect(machine.threads > 0 && machine.memoryBytes > 0 && machine.files["/proc/meminfo"] != nil)
    #expect(machine.availableSets.contains(machine.instructionSet))
    #expect(machine.memory("MemTotal").map { $0 > 0 } ?? false)
  }

  @Test func modelsFitOrNot() throws {
    var model = ModelReading(try loadModel(at: Fixtures.tinyModel, options: LoadOptions()))
    model.weightBytes = 8 << 30
    model.cacheBytesPerToken = 1 << 20
    model.contextLength = 16_384
    var machine = sound
    #expect(ModelChecks.memory(model, context: nil, on: machine).level == .ok)
    machine.availableMemory = 20 << 30
    #expect(ModelChecks.memory(model, context: nil, on: machine).level == .warn)
    #expect(ModelChecks.memory(model, context: 1024, on: machine).level == .ok)
    machine.memoryLimit = 20 << 30
    let found = ModelChecks.memory(model, context: 1 << 40, on: machine)
    #expect(found.level == .fail && found.advice?.contains("--quantize") ?? false)
    model.cacheBytesPerToken = .max / 2
    #expect(ModelChecks.memory(model, context: nil, on: machine).level == .fail)
    (model.contextLength, model.stateBytesPerSequence) = (2, .max)
    #expect(ModelChecks.memory(model, context: nil, on: machine).level == .fail)
    model.activeParameterCount = model.parameterCount
    #expect(ModelChecks.speed(model, on: machine)?.found.hasPrefix("at most 9.3 tokens a second") ?? false)
    machine.bandwidth = 8e9
    #expect(ModelChecks.speed(model, on: machine)?.level == .warn)
    machine.bandwidth = nil
    #expect(ModelChecks.speed(model, on: machine) == nil)
  }

  @Test func findingsAreLinesAndObjects() {
    let finding = Finding(.warn, "swap", "1 of\n2\u{1B}", why: "slow", advice: "swapoff")
    #expect(
      finding.text == "warn  swap          1 of 2␛\n\(String(repeating: " ", count: 20))why: slow\n"
        + "\(String(repeating: " ", count: 20))do:  swapoff\n")
    #expect(finding.json["level"] == "warn" && finding.json["advice"] == "swapoff")
  }
}
