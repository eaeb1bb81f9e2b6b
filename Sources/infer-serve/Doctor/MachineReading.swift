import Foundation
import Glibc
import InferCore

/// Readings of a machine, and of the part of it that this process may use.
struct MachineReading: Sendable {
  /// The contents of files below `/proc` and `/sys`, by path, without white space around them. Those that are not there are
  /// left out.
  var files: [String: String] = [:]
  /// The processors that the machine has, and those that this process may run on.
  var processors = 1
  var allowedProcessors = 1
  /// How those that it may run on are made up; `nil` for what is not known.
  var topology: MachineTopology?
  /// Where `--numa` has threads and memory be, and what the system refuses of it; `nil` for nothing.
  var placement: String?
  var placementWarning: String?
  /// The processor time that control groups allow, in processors; `nil` for no limit.
  var processorQuota: Double?
  /// The threads that compute unless an option says otherwise.
  var threads = 1
  /// Bytes of the machine's memory, of what control groups allow of it (`nil` for no limit), and of what is free.
  var memoryBytes = 0
  var memoryLimit: Int?
  var availableMemory = 0
  /// The most descriptors that the process may have, the most bytes that it may keep from being swapped, and the most
  /// addresses; `nil` for no limit.
  var descriptorLimit: Int?
  var lockedMemoryLimit: Int?
  var addressLimit: Int?
  /// The instruction set of the kernels, those that the machine has, and why it is not the best of them.
  var instructionSet = ""
  var availableSets: [String] = []
  var instructionWarning: String?
  /// Bytes a second that are read from memory; `nil` where that was not measured.
  var bandwidth: Double?

  /// The bytes of memory that the process can use.
  var usableMemory: Int { memoryLimit ?? memoryBytes }

  /// A line of `/proc/meminfo`, in bytes; pages of huge pages are counted.
  func memory(_ name: String) -> Int? {
    for line in files["/proc/meminfo", default: ""].split(separator: "\n") where line.hasPrefix("\(name):") {
      let words = line.dropFirst(name.count + 1).split(separator: " ")
      guard let value = words.first.flatMap({ Int($0) }), value >= 0 else { return nil }
      return words.count > 1 ? value.multipliedReportingOverflow(by: 1024).partialValue : value
    }
    return nil
  }

  /// The values of a file of each processor that has it.
  func values(ofProcessors name: String) -> [String] {
    (0..<processors).compactMap { files["/sys/devices/system/cpu/cpu\($0)/\(name)"] }
  }

  /// This machine, now.
  static func current() -> MachineReading {
    let limits = MachineLimits.current
    var reading = MachineReading()
    reading.processors = limits.processors
    reading.allowedProcessors = limits.allowedProcessors
    reading.topology = .current
    reading.processorQuota = limits.processorQuota
    reading.threads = defaultThreadCount()
    reading.memoryBytes = limits.memoryBytes
    reading.memoryLimit = limits.memoryLimit
    reading.availableMemory = limits.availableMemory
    reading.descriptorLimit = hardLimit(RLIMIT_NOFILE)
    reading.lockedMemoryLimit = hardLimit(__RLIMIT_MEMLOCK)
    reading.addressLimit = hardLimit(RLIMIT_AS)
    reading.instructionSet = InstructionSet.name
    reading.availableSets = InstructionSet.available
    reading.instructionWarning = InstructionSet.warning
    let processors = (0..<limits.processors).flatMap { index in
      perProcessor.map { "/sys/devices/system/cpu/cpu\(index)/\($0)" }
    }
    for path in paths + processors {
      guard let data = FileManager.default.contents(atPath: path) else { continue }
      reading.files[path] = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
    return reading
  }

  static let hugePages = "/sys/kernel/mm/transparent_hugepage/enabled"
  static let overcommit = "/proc/sys/vm/overcommit_memory"
  static let governor = "cpufreq/scaling_governor"
  static let driver = "cpufreq/scaling_driver"

  private static let paths = ["/proc/meminfo", "/proc/cpuinfo", hugePages, overcommit]
  private static let perProcessor = [governor, driver]

  /// The most that the process may raise a limit to; `nil` for no limit.
  private static func hardLimit(_ resource: __rlimit_resource) -> Int? {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_max != .max else {
      return nil
    }
    return Int(clamping: limit.rlim_max)
  }
}
