import InferCore
import Logging

extension Banner {
  /// Threads, and why they are not as many as the machine has processors.
  static func threads(_ count: Int, _ limits: MachineLimits, cores: Int? = nil) -> String {
    var notes: [String] = []
    if let quota = limits.processorQuota, quota < Double(limits.allowedProcessors) {
      notes.append("cgroup limit \(Quantity.decimal(quota)) of \(limits.processors) processors")
    } else if limits.allowedProcessors < limits.processors {
      notes.append("may run on \(limits.allowedProcessors) of \(limits.processors) processors")
    }
    if count == cores, count < limits.threads { notes.append("one for each core") }
    if count > limits.threads { notes.append("\(count - limits.threads) more than can run at a time") }
    return notes.isEmpty ? "\(count)" : "\(count) (\(notes.joined(separator: "; ")))"
  }

  /// The limit of memory, where a container has one.
  static func memoryLimit(_ limits: MachineLimits) -> String {
    limits.memoryLimit.map { "; cgroup limit \(Quantity.mebibytes($0))" } ?? ""
  }

  /// The machine's part of what programs are told.
  static func metadata(threads: Int, _ limits: MachineLimits) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["threads": "\(threads)", "processors": "\(limits.processors)"]
    metadata["processor_quota"] = limits.processorQuota.map { "\($0)" }
    metadata["memory_limit_bytes"] = limits.memoryLimit.map { "\($0)" }
    return metadata
  }
}
