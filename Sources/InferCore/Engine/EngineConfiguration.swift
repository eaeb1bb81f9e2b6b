internal import Foundation
public import InferText

/// The memory and threads that an ``Engine`` may use, and the amount of work that it takes on.
public struct EngineConfiguration: Sendable {
  /// The number of threads to compute with, the engine's own included.
  public var threads = defaultThreadCount()
  /// Memory for attention keys and values, in MiB; `nil` for what the machine, or its control group, has left when the
  /// model is loaded, but for activations and a margin. Reserved at once, taken from the system as it is used.
  public var kvCacheMiB: Int? = 1024
  /// Memory for recurrent state, in MiB, of which a slot for each running sequence is set aside. The rest, and all of
  /// ``kvCacheMiB``, is one budget: what one kind of state does not need is the other's. Where the latter is `nil`, this
  /// bounds no more than what is set aside.
  public var stateCacheMiB = 1024
  /// Memory for recurrent states with 8 bits an element, in MiB, beside the others: a kept state moves there when its own
  /// memory is needed, and what starts from it is an approximation. 0 for none: kept states are exact.
  public var coldStateMiB = 0
  /// Element format of keys and values.
  public var kvType = KVType.f16
  /// The number of tokens in a page of keys and values.
  public var pageTokens = 16
  /// `true` to keep keys, values and states of sequences for others that begin alike, in what memory running ones do not
  /// need.
  public var keepsPrefixes = true
  /// A folder for what is kept, so that it outlives memory and the process; `nil` for none.
  public var cacheFolder: CacheFolder?
  /// The maximum number of rows in a step. Sequences that decode take theirs first, prompts share the rest.
  public var maxBatchTokens = 512
  /// The maximum number of sequences that run at the same time.
  public var maxRunning = 32
  /// The maximum number of requests that wait, beside those that run.
  public var maxQueue = 256
  /// The maximum number of prompt tokens of requests that wait; `nil` for as many as ``maxQueue`` requests have. A request
  /// that nobody waits before is taken whatever its length.
  public var maxQueueTokens: Int?
  /// The time from token to token that prompts leave to sequences that decode: a step has no more prompt rows than fit, by
  /// the times of the steps before. `nil` for as many as throughput asks for.
  public var interTokenTarget: Duration?
  /// The maximum number of prompt and generated tokens of a sequence; `nil` for as many as the model is made for.
  public var maxContext: Int?
  /// `true` to try a small step at the start and to reserve memory for the activations of the largest. Otherwise memory
  /// is taken when a step needs it, which ends the process if the system has none.
  public var reservesActivations = false
  /// The number of unread tokens at which a generation pauses until half of them are read.
  public var maxUnreadTokens = 256
  /// The time for which a generation pauses for its reader before it ends with ``FinishReason/unread``.
  public var readerPatience = Duration.seconds(600)
  /// The model's end tokens.
  public var endTokens: Set<Int32> = []

  /// The ranks that compute the model together, each a share of it; `nil` for an engine that is alone. The engine is that of
  /// rank 0, others have a ``RankFollower``.
  package var ranks: RankGrid?

  /// Is told between steps which blocks of the prefix cache came and went, in order, on the engine's thread; the
  /// adapters are those of the model, whose scopes are theirs. At the end of the engine it is told that all are gone.
  package var blockObserver: (@Sendable (_ changes: [BlockChange], _ adapters: [ModelAdapter]) -> Void)?

  /// The maximum number of pages, whatever the budget: lets tests run out of them.
  package var pageLimit = Int(Int32.max)

  /// The defaults.
  public init() {}

  /// Checks that the values make sense together.
  ///
  /// - Throws: ``ConfigurationError`` naming the value.
  public func validate() throws(ConfigurationError) {
    try Self.check(threads, in: 1...1024, .threads)
    if let kvCacheMiB { try Self.check(kvCacheMiB, in: 0...(1 << 24), .kvCacheMiB) }
    try Self.check(stateCacheMiB, in: 0...(1 << 24), .stateCacheMiB)
    try Self.check(coldStateMiB, in: 0...(1 << 24), .coldStateMiB)
    if coldStateMiB > 0, !keepsPrefixes { throw ConfigurationError(.coldStateMiB, reason: "needs prefixes to be kept") }
    try Self.check(pageTokens, in: 1...4096, .pageTokens)
    try Self.check(maxRunning, in: 1...65_536, .maxRunning)
    // Every running sequence must find a row in every step.
    try Self.check(
      maxBatchTokens, in: maxRunning...(1 << 20), .maxBatchTokens,
      hint: " (each of \(maxRunning) running sequences needs one)")
    try Self.check(maxUnreadTokens, in: 1...(1 << 30), .maxUnreadTokens)
    try Self.check(maxQueue, in: 0...(1 << 24), .maxQueue)
    if let maxQueueTokens { try Self.check(maxQueueTokens, in: 1...(1 << 40), .maxQueueTokens) }
    if let interTokenTarget, interTokenTarget < .milliseconds(1) || interTokenTarget > .seconds(60) {
      throw ConfigurationError(
        .interTokenTarget, reason: "must be between 1 ms and 60 s, not \(interTokenTarget.seconds) s")
    }
    if let cacheFolder {
      try Self.check(cacheFolder.maxMiB, in: 1...(1 << 24), .cacheFolder, hint: " MiB")
      if !keepsPrefixes { throw ConfigurationError(.cacheFolder, reason: "needs prefixes to be kept") }
      if !cacheFolder.url.isFileURL { throw ConfigurationError(.cacheFolder, reason: "needs a file's URL") }
    }
    if let maxContext { try Self.check(maxContext, in: 2...Int(Int32.max), .maxContext) }
  }

  private static func check(
    _ value: Int, in range: ClosedRange<Int>, _ property: ConfigurationError.Property, hint: String = ""
  ) throws(ConfigurationError) {
    guard range.contains(value) else {
      throw ConfigurationError(
        property, reason: "must be between \(range.lowerBound) and \(range.upperBound)\(hint), not \(value)")
    }
  }
}

/// A value of an ``EngineConfiguration`` that makes no sense, is too small for the model, or asks for more memory than
/// the system gives.
public struct ConfigurationError: DescribedError, Equatable {
  /// The property at fault.
  public let property: Property
  /// The expectation that the value does not meet.
  public let reason: String

  /// Creates an error.
  public init(_ property: Property, reason: String) {
    self.property = property
    self.reason = reason
  }

  /// One line for people.
  public var description: String { "\(property.rawValue) \(reason)" }

  /// A property of an ``EngineConfiguration`` that an error can be about.
  public enum Property: String, Sendable, CaseIterable {
    /// ``EngineConfiguration/threads``
    case threads
    /// ``EngineConfiguration/kvCacheMiB``
    case kvCacheMiB
    /// ``EngineConfiguration/stateCacheMiB``
    case stateCacheMiB
    /// ``EngineConfiguration/coldStateMiB``
    case coldStateMiB
    /// ``EngineConfiguration/kvType``
    case kvType
    /// ``EngineConfiguration/pageTokens``
    case pageTokens
    /// ``EngineConfiguration/maxBatchTokens``
    case maxBatchTokens
    /// ``EngineConfiguration/maxRunning``
    case maxRunning
    /// ``EngineConfiguration/maxQueue``
    case maxQueue
    /// ``EngineConfiguration/maxQueueTokens``
    case maxQueueTokens
    /// ``EngineConfiguration/interTokenTarget``
    case interTokenTarget
    /// ``EngineConfiguration/maxUnreadTokens``
    case maxUnreadTokens
    /// ``EngineConfiguration/maxContext``
    case maxContext
    /// ``EngineConfiguration/cacheFolder``
    case cacheFolder
  }
}
