/// The memory of the machine that is free, or can be freed without swapping (proc_meminfo(5)).
struct MemoryInformation {
  /// The number of bytes; `nil` where the system does not tell.
  let availableBytes: Int?

  /// Reads it.
  ///
  /// - Parameter root: The folder that stands for `/`; the empty path for that itself.
  init(root: String) {
    availableBytes = SystemFiles(root: root).text("/proc/meminfo").flatMap { Self.value(of: "MemAvailable:", in: $0) }
      .flatMap {
        let bytes = $0.multipliedReportingOverflow(by: 1024)
        return bytes.overflow ? nil : bytes.partialValue
      }
  }

  /// The number behind a name at the beginning of a line.
  static func value(of name: String, in text: String) -> Int? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count > 1, words[0] == name, let value = Int(words[1]), value >= 0 { return value }
    }
    return nil
  }
}
