internal import InferText

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
  /// The pages of sequences, in rows.
  let rows: PageRows
  /// The maximum number of pages of keys and values, of running sequences and of those that are kept.
  public let pageCount: Int
  /// The size of so many pages in bytes.
  public let kvBytes: Int
  /// The maximum number of sequences that run at the same time.
  public let maxRunning: Int
  /// The maximum number of slots of recurrent state: one for each running sequence, and those of states that are kept.
  public let slotCount: Int
  /// The size of so many slots in bytes.
  public let stateBytes: Int
  /// The maximum number of cold slots, whose states have 8 bits an element, beside the others.
  let coldSlotCount: Int
  /// The size of so many cold slots in bytes, which ``cacheBytes`` does not count.
  let coldBytes: Int
  /// The maximum number of bytes of pages and slots together: each kind may grow into what the other does not use.
  public let cacheBytes: Int
  /// The same budget in detail.
  let budget: MemoryBudget
  /// The maximum number of unfinished requests.
  public let maxUnfinished: Int
  /// The maximum number of rows in a step whose logits score tokens of prompts: their logits take at most 32 MiB,
  /// unless that is less than a row.
  let maxScoredRows: Int
  /// `true` when the model tells hidden states.
  let hasHiddenStates: Bool
  /// `true` when the model's logits are of use.
  let hasHead: Bool
  /// The adapters that requests may choose.
  let adapters: [ModelAdapter]

  /// Divides the budgets of a valid configuration.
  ///
  /// - Parameters:
  ///   - machine: The machine's memory; what it is now unless given.
  ///   - activationBytes: The memory that steps will take and have not taken yet.
  /// - Throws: ``ConfigurationError`` when a budget is too small for a single sequence.
  init(
    _ configuration: EngineConfiguration, model: any LanguageModel, machine: MachineLimits? = nil,
    activationBytes: Int = 0
  ) throws(ConfigurationError) {
    let layout = model.stateLayout
    if let reason = layout.check(configuration.kvType) { throw ConfigurationError(.kvType, reason: reason) }
    vocabularySize = model.vocabularySize
    hasHiddenStates = model.hiddenWidth != nil
    hasHead = model.hasHead
    adapters = model.adapters
    let context = configuration.maxContext ?? model.contextLength
    guard context <= model.contextLength else {
      throw ConfigurationError(
        .maxContext, reason: "of \(context) is beyond the model's \(model.contextLength) tokens")
    }
    pageTokens = configuration.pageTokens
    rows = PageRows(pageTokens: pageTokens, windows: layout.pageGroups.windows)
    let sizes = CacheDivision.Sizes(
      rows: rows, page: layout.pageBytes(tokens: pageTokens, type: configuration.kvType), slot: layout.slotBytes,
      coldSlot: layout.coldSlotBytes, context: context)
    let division = try CacheDivision(
      configuration, sizes, machine: machine ?? (configuration.kvCacheMiB == nil ? .read() : .current),
      activationBytes: activationBytes + model.mappedWeightBytes)
    maxRunning = division.maxRunning
    pageCount = division.pageCount
    slotCount = division.slotCount
    coldSlotCount = division.coldSlotCount
    coldBytes = coldSlotCount * sizes.coldSlot
    budget = division.budget
    kvBytes = pageCount * sizes.page
    stateBytes = slotCount * sizes.slot
    cacheBytes = budget.bytes
    contextLength = min(context, rows.tokenCount(of: pageCount))
    maxUnfinished = maxRunning + configuration.maxQueue
    maxScoredRows = max(1, min(configuration.maxBatchTokens, (8 << 20) / max(1, vocabularySize)))
  }

  /// The index of an adapter; `nil` where there is none of that name.
  func adapter(named name: String) -> Int? { adapters.firstIndex { $0.name.isExactly(name) } }

  /// All memory for state of sequences in bytes: ``cacheBytes``, and that of cold states.
  public var stateMemoryBytes: Int { cacheBytes + coldBytes }

  /// The limits that an engine with this configuration would have. Where it takes what the machine has left, they are
  /// those of one that takes what a sequence of the whole context needs.
  ///
  /// - Parameter model: A model that may be described and not loaded.
  /// - Throws: ``ConfigurationError`` when such an engine could not be.
  package static func expected(
    of configuration: EngineConfiguration, model: any LanguageModel
  ) throws(ConfigurationError) -> EngineLimits {
    try configuration.validate()
    var configuration = configuration
    if configuration.kvCacheMiB == nil {
      let tokens = min(configuration.maxContext ?? model.contextLength, model.contextLength)
      let rows = PageRows(pageTokens: configuration.pageTokens, windows: model.stateLayout.pageGroups.windows)
      let pages = rows.pageCount(for: tokens + 1, run: configuration.maxBatchTokens)
      let page = model.stateLayout.pageBytes(tokens: configuration.pageTokens, type: configuration.kvType)
      let (bytes, overflow) = pages.multipliedReportingOverflow(by: page)
      let most = MachineLimits.current.usableMemory >> 20
      configuration.kvCacheMiB = min(overflow ? .max : bytes >> 20 + 1, most, 1 << 24)
    }
    return try EngineLimits(configuration, model: model)
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
    guard hasHead || request.stop.maxTokens == 0 && request.promptLogprobs == nil else { throw .noHead }
    if request.pooling != nil {
      if !hasHiddenStates { throw .invalid(.pooling, reason: "needs a model that tells hidden states") }
      if request.stop.maxTokens != 0 {
        throw .invalid(.pooling, reason: "leaves nothing to generate: maxTokens must be 0")
      }
      if request.promptLogprobs != nil {
        throw .invalid(.pooling, reason: "goes with no log-probabilities of the prompt")
      }
    }
    if let name = request.adapter, adapter(named: name) == nil {
      let names = adapters.map { "\"\($0.name)\"" }.joined(separator: ", ")
      throw .invalid(
        .adapter,
        reason: adapters.isEmpty
          ? "is \"\(name.prefix(80))\", and the model was loaded with none"
          : "is \"\(name.prefix(80))\", expected one of \(names)")
    }
    guard request.priority >= 0 else {
      throw .invalid(.priority, reason: "must not be negative, not \(request.priority)")
    }
    let room = contextLength - prompt.count
    guard request.stop.minTokens <= room else {
      throw .invalid(.minTokens, reason: "of \(request.stop.minTokens) leaves the context of \(contextLength)")
    }
    return min(request.stop.maxTokens ?? room, room)
  }
}
