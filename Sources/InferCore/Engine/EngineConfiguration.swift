/// How much an ``Engine`` may use and take on.
public struct EngineConfiguration: Sendable {
  /// Threads to compute with, the engine's own included.
  public var threads = availableProcessorCount()
  /// Memory for attention keys and values, in MiB. Reserved at once, taken from the system as it is used.
  public var kvCacheMiB = 1024
  /// Memory for recurrent state, in MiB.
  public var stateCacheMiB = 1024
  /// Element format of keys and values.
  public var kvType = KVType.f16
  /// Tokens of a page of keys and values.
  public var pageTokens = 16
  /// Rows of a step at most. Sequences that decode take theirs first, prompts share the rest.
  public var maxBatchTokens = 512
  /// Sequences that run at the same time at most.
  public var maxRunning = 32
  /// Requests that wait at most, beside those that run.
  public var maxQueue = 256
  /// Prompt and generated tokens at most, if fewer than the model is made for.
  public var maxContext: Int?
  /// The model's end tokens.
  public var endTokens: Set<Int32> = []

  /// Pages at most, whatever the budget: lets tests run out of them.
  package var pageLimit = Int(Int32.max)

  /// The defaults.
  public init() {}

  /// Checks that the values make sense together.
  ///
  /// - Throws: ``ConfigurationError`` naming the value.
  public func validate() throws(ConfigurationError) {
    try Self.check(threads, in: 1...1024, "threads")
    try Self.check(kvCacheMiB, in: 0...(1 << 24), "kv-cache-mib")
    try Self.check(stateCacheMiB, in: 0...(1 << 24), "state-cache-mib")
    try Self.check(pageTokens, in: 1...4096, "page-tokens")
    try Self.check(maxRunning, in: 1...65_536, "max-running")
    // Every running sequence must find a row in every step.
    try Self.check(
      maxBatchTokens, in: maxRunning...(1 << 20), "max-batch-tokens", hint: " (max-running is \(maxRunning))")
    try Self.check(maxQueue, in: 0...(1 << 24), "max-queue")
    if let maxContext { try Self.check(maxContext, in: 2...Int(Int32.max), "max-context") }
  }

  private static func check(
    _ value: Int, in range: ClosedRange<Int>, _ name: String, hint: String = ""
  ) throws(ConfigurationError) {
    guard range.contains(value) else {
      throw ConfigurationError(
        name: name, reason: "must be between \(range.lowerBound) and \(range.upperBound)\(hint), not \(value)")
    }
  }
}

/// A value of an ``EngineConfiguration`` that makes no sense, is too small for the model, or asks for more memory than
/// the system gives.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The value's name, spelled as the command line's option without dashes.
  public let name: String
  /// What was expected.
  public let reason: String

  /// Creates an error.
  public init(name: String, reason: String) {
    self.name = name
    self.reason = reason
  }

  /// One line for people.
  public var description: String { "--\(name) \(reason)" }
}
