/// The memory of an ``Engine`` and the sizes of requests that it takes, for banners, metrics and checks before
/// submission.
public struct EngineLimits: Sendable, Equatable {
  /// Token ids are `0 ..< vocabularySize`.
  public let vocabularySize: Int
  /// The maximum number of prompt and generated tokens of a request: the least of the model's context, the configured
  /// one, and the tokens that all pages hold.
  public let contextLength: Int
  /// The number of tokens in a page. Pages of a model without paged state take no memory.
  public let pageTokens: Int
  /// The number of pages of keys and values, of running sequences and of those that are kept.
  public let pageCount: Int
  /// The size of all pages in bytes.
  public let kvBytes: Int
  /// The maximum number of sequences that run at the same time.
  public let maxRunning: Int
  /// The number of slots of recurrent state: one for each running sequence, and those of states that are kept.
  public let slotCount: Int
  /// The size of all slots in bytes.
  public let stateBytes: Int
  /// The maximum number of unfinished requests.
  public let maxUnfinished: Int
  /// The maximum number of rows in a step whose logits score tokens of prompts: their logits take at most 32 MiB,
  /// unless that is less than a row.
  let maxScoredRows: Int

  /// Divides the budgets of a valid configuration.
  ///
  /// - Throws: ``ConfigurationError`` when a budget is too small for a single sequence.
  init(_ configuration: EngineConfiguration, model: any LanguageModel) throws(ConfigurationError) {
    let layout = model.stateLayout
    if let reason = layout.check(configuration.kvType) { throw ConfigurationError(.kvType, reason: reason) }
    vocabularySize = model.vocabularySize
    let slotBytes = layout.slotBytes
    maxRunning = try Self.count(
      budget: configuration.stateCacheMiB, unit: slotBytes, limit: configuration.maxRunning, .stateCacheMiB,
      "the state of one sequence takes")
    let context = configuration.maxContext ?? model.contextLength
    guard context <= model.contextLength else {
      throw ConfigurationError(
        .maxContext, reason: "of \(context) is beyond the model's \(model.contextLength) tokens")
    }
    pageTokens = configuration.pageTokens
    let pageBytes = layout.pageBytes(tokens: pageTokens, type: configuration.kvType)
    // Pages beyond those that all sequences together can fill are for what is kept.
    let pagesOfContext = (context + pageTokens - 1) / pageTokens
    let useful = pagesOfContext.multipliedReportingOverflow(by: maxRunning)
    let filled = min(useful.overflow ? .max : useful.partialValue, configuration.pageLimit)
    let memory = MachineLimits.current.usableMemory
    if pageBytes > 0 {
      // Two tokens are the least: one of a prompt and one of an answer.
      let affordable = try Self.count(
        budget: configuration.kvCacheMiB, unit: pageBytes, limit: configuration.pageLimit, .kvCacheMiB,
        "a page of \(pageTokens) tokens takes", atLeast: (2 + pageTokens - 1) / pageTokens)
      let running = min(affordable, filled)
      let spare = Self.spareMemory(memory, used: running * pageBytes + maxRunning * slotBytes)
      pageCount =
        configuration.keepsPrefixes
        ? running + min(affordable - running, spare / pageBytes, Self.maxKeptPages) : running
    } else {
      pageCount = min(filled, Self.maxEmptyPages)
    }
    contextLength = min(context, pageCount.multipliedReportingOverflow(by: pageTokens).partialValue)
    kvBytes = pageCount * pageBytes
    if configuration.keepsPrefixes {
      let bytes = max(1, slotBytes)
      let affordable = (configuration.stateCacheMiB << 20) / bytes - maxRunning
      let spare = Self.spareMemory(memory, used: kvBytes + maxRunning * slotBytes) / bytes
      slotCount = maxRunning + max(0, min(affordable, spare, Self.maxKeptStates))
    } else {
      slotCount = maxRunning
    }
    stateBytes = slotCount * slotBytes
    maxUnfinished = maxRunning + configuration.maxQueue
    maxScoredRows = max(1, min(configuration.maxBatchTokens, (8 << 20) / max(1, vocabularySize)))
    // Memory is reserved without being backed, so the system would agree now and end the process later.
    guard kvBytes + stateBytes <= memory else {
      throw ConfigurationError(
        .kvCacheMiB,
        reason:
          "and the memory for recurrent state come to \(kvBytes + stateBytes >> 20) MiB, there are \(memory >> 20)"
      )
    }
  }

  /// Pages beside those that running sequences can fill: their bookkeeping takes memory and time at the start as well.
  private static let maxKeptPages = 1 << 16
  /// Pages that take no memory, so that only their bookkeeping does.
  private static let maxEmptyPages = 1 << 18
  /// States are looked through when one is evicted.
  private static let maxKeptStates = 1 << 12

  /// The memory that what is kept may take beside what running sequences need: half of what is left.
  private static func spareMemory(_ memory: Int, used: Int) -> Int { max(0, memory - used) / 2 }

  private static func count(
    budget: Int, unit: Int, limit: Int, _ property: ConfigurationError.Property, _ what: String, atLeast least: Int = 1
  ) throws(ConfigurationError) -> Int {
    guard unit > 0 else { return limit }
    let count = (budget << 20) / unit
    guard count >= least else {
      throw ConfigurationError(
        property,
        reason:
          "of \(budget) is too small: \(what) \(unit) bytes, so at least \((least * unit >> 20) + 1) MiB are needed")
    }
    return min(count, limit)
  }

  /// Checks a request against the limits, and returns the maximum number of tokens that it generates.
  ///
  /// - Throws: ``RequestError`` when the request can never run.
  /// - Complexity: O(prompt).
  func tokenLimit(of request: GenerationRequest) throws(RequestError) -> Int {
    let prompt = request.prompt
    guard !prompt.isEmpty else { throw .emptyPrompt }
    // One that is only read needs no room for an answer.
    let longest = request.stop.maxTokens == 0 ? contextLength : contextLength - 1
    guard prompt.count <= longest else { throw .promptTooLong(tokens: prompt.count, limit: longest) }
    if let position = prompt.firstIndex(where: { $0 < 0 || $0 >= vocabularySize }) {
      throw .tokenOutOfRange(token: prompt[position], position: position, vocabularySize: vocabularySize)
    }
    if let token = request.sampling.logitBias.keys.first(where: { $0 >= vocabularySize }) {
      throw .invalid(.logitBias, reason: "token \(token) is outside 0 ..< \(vocabularySize)")
    }
    if let token = request.stop.stopTokenIDs.first(where: { $0 < 0 || $0 >= vocabularySize }) {
      throw .invalid(.stopTokenIDs, reason: "token \(token) is outside 0 ..< \(vocabularySize)")
    }
    if let count = request.promptLogprobs, !(0...20).contains(count) {
      throw .invalid(.promptLogprobs, reason: "must be between 0 and 20, not \(count)")
    }
    let room = contextLength - prompt.count
    guard request.stop.minTokens <= room else {
      throw .invalid(.minTokens, reason: "of \(request.stop.minTokens) leaves the context of \(contextLength)")
    }
    return min(request.stop.maxTokens ?? room, room)
  }
}
