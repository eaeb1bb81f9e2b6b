internal import CKernels

/// The part of the machine that this process may use: all of it, or less under control groups and affinity.
package struct MachineLimits: Sendable, Equatable {
  /// The number of processors of the machine.
  package let processors: Int
  /// The number of processors that the process's threads may run on: its affinity, through which sets of processors
  /// (cpusets) act.
  package let allowedProcessors: Int
  /// The processor time that control groups allow, in processors, as in 1.5; `nil` for no limit.
  package let processorQuota: Double?
  /// The bytes of the machine's memory; the largest integer where the system does not tell.
  package let memoryBytes: Int
  /// The bytes of memory that control groups allow, if fewer than the machine has; `nil` for no limit.
  package let memoryLimit: Int?
  /// The bytes of memory that nothing uses when the limits are read: neither on the machine nor, where they are limited,
  /// in the process's control groups. The largest integer where the system does not tell.
  package let availableMemory: Int

  /// The limits at their first use.
  package static let current = read()

  /// The limits as they are now.
  static func read() -> MachineLimits { MachineLimits(ControlGroups(root: ""), MemoryInformation(root: "")) }

  private init(_ groups: ControlGroups, _ information: MemoryInformation) {
    let bytes = Int(clamping: ck_memory_bytes())
    self.init(
      groups, processors: Int(ck_machine_processor_count()), allowed: Int(ck_processor_count()),
      memoryBytes: bytes > 0 ? bytes : .max, availableBytes: information.availableBytes)
  }

  init(_ groups: ControlGroups, processors: Int, allowed: Int, memoryBytes: Int, availableBytes: Int? = nil) {
    allowedProcessors = max(1, allowed)
    self.processors = max(processors, allowedProcessors)
    processorQuota = groups.processorQuota
    self.memoryBytes = memoryBytes
    memoryLimit = groups.memoryLimit.flatMap { $0 < memoryBytes ? $0 : nil }
    availableMemory = min(availableBytes ?? .max, groups.memoryLeft ?? .max)
  }

  /// The number of threads that can compute at the same time all the time.
  ///
  /// A quota with a fraction is rounded down, but not to zero: threads that work together and use up their quota are
  /// stopped together for the rest of each period of a tenth of a second, and generation stutters.
  package var threads: Int {
    guard let processorQuota, processorQuota < Double(allowedProcessors) else { return allowedProcessors }
    return max(1, Int(processorQuota))
  }

  /// The bytes of memory that the process can use.
  package var usableMemory: Int { memoryLimit ?? memoryBytes }
}

/// The number of threads that can run at the same time: see `MachineLimits.threads`. Fewer may compute faster, see
/// `defaultThreadCount()`.
package func availableProcessorCount() -> Int { MachineLimits.current.threads }
