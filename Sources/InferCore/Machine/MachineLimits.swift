internal import CKernels

/// What this process may use of the machine: all of it, or what a container's control groups and affinity leave.
public struct MachineLimits: Sendable, Equatable {
  /// Processors of the machine.
  public let processors: Int
  /// Processors that the process's threads may run on: affinity, which sets of processors (cpusets) act through.
  public let allowedProcessors: Int
  /// Processors' worth of time that the control groups give, as in 1.5; `nil` for no limit.
  public let processorQuota: Double?
  /// Bytes of the machine's memory; as many as integers count where the system does not tell.
  public let memoryBytes: Int
  /// Bytes of memory that the control groups give, if fewer than the machine has; `nil` for no limit.
  public let memoryLimit: Int?

  /// The limits when they were first asked for.
  public static let current = MachineLimits(ControlGroups(root: ""))

  init(_ groups: ControlGroups) {
    let bytes = Int(clamping: ck_memory_bytes())
    self.init(
      groups, processors: Int(ck_machine_processor_count()), allowed: Int(ck_processor_count()),
      memoryBytes: bytes > 0 ? bytes : .max)
  }

  init(_ groups: ControlGroups, processors: Int, allowed: Int, memoryBytes: Int) {
    allowedProcessors = max(1, allowed)
    self.processors = max(processors, allowedProcessors)
    processorQuota = groups.processorQuota
    self.memoryBytes = memoryBytes
    memoryLimit = groups.memoryLimit.flatMap { $0 < memoryBytes ? $0 : nil }
  }

  /// Threads that can compute at the same time all the time.
  ///
  /// A quota with a fraction is rounded down, but not to nothing: threads that work together and use up their quota are
  /// stopped together for the rest of each period of a tenth of a second, and generation stutters. Who prefers the last
  /// fraction of the throughput can ask for one thread more.
  public var threads: Int {
    guard let processorQuota, processorQuota < Double(allowedProcessors) else { return allowedProcessors }
    return max(1, Int(processorQuota))
  }

  /// Bytes of memory that the process can use.
  public var usableMemory: Int { memoryLimit ?? memoryBytes }
}

/// Number of threads that can compute at the same time: see ``MachineLimits/threads``.
public func availableProcessorCount() -> Int { MachineLimits.current.threads }
