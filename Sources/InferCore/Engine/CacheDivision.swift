/// The memory of an engine for the state of sequences: one budget, and the pages and slots that it may be used for.
struct CacheDivision {
  /// The bytes of both kinds together.
  let budget: MemoryBudget
  /// The maximum number of sequences that run at the same time, whose slots are set aside.
  let maxRunning: Int
  /// The maximum number of pages, when all memory but the slots that are set aside is theirs.
  let pageCount: Int
  /// The maximum number of slots, when all memory is theirs.
  let slotCount: Int
  /// The maximum number of cold slots, whose memory is not in the budget.
  let coldSlotCount: Int

  /// The sizes of a model's state.
  struct Sizes {
    /// The rows of pages of sequences.
    let rows: PageRows
    let page: Int
    let slot: Int
    let coldSlot: Int
    /// The number of tokens of the longest sequence.
    let context: Int
  }

  /// Divides the budgets of a configuration.
  ///
  /// Running sequences get all that they can use of the two budgets, if the machine has it at all. Kept pages and states
  /// get the rest of the budgets, up to half of the machine's memory beside. With ``EngineConfiguration/kvCacheMiB`` of
  /// `nil` the budget is what the machine has available but for a margin.
  ///
  /// - Parameters:
  ///   - machine: The memory of the machine.
  ///   - activationBytes: The memory that steps will take and have not taken yet.
  /// - Throws: ``ConfigurationError`` when a budget is too small for a single sequence.
  init(
    _ configuration: EngineConfiguration, _ sizes: Sizes, machine: MachineLimits, activationBytes: Int
  ) throws(ConfigurationError) {
    let isAutomatic = configuration.kvCacheMiB == nil
    let coldSlotCount = try Self.coldSlotCount(configuration, sizes)
    let coldBytes = coldSlotCount * sizes.coldSlot
    let most = isAutomatic ? Self.available(machine, activationBytes) : machine.usableMemory
    guard coldBytes <= most / 2 else {
      throw ConfigurationError(
        .coldStateMiB,
        reason: "of \(configuration.coldStateMiB) is more than half of the \(most >> 20) MiB that there are")
    }
    let available = isAutomatic ? most - coldBytes : .max
    let stateBytes = min(configuration.stateCacheMiB << 20, available / 2)
    let isFound = stateBytes < configuration.stateCacheMiB << 20
    let maxRunning = try Self.count(
      of: stateBytes, unit: sizes.slot, limit: configuration.maxRunning, isFound ? .kvCacheMiB : .stateCacheMiB,
      "the state of one sequence takes", isFound: isFound)
    let slotBytes = maxRunning * sizes.slot
    let kvBytes = configuration.kvCacheMiB.map { $0 << 20 } ?? available - slotBytes
    // Pages beyond those that all sequences together can fill are for what is kept.
    let pageTokens = configuration.pageTokens
    let pagesOfContext = sizes.rows.pageCount(for: sizes.context, run: configuration.maxBatchTokens)
    let useful = pagesOfContext.multipliedReportingOverflow(by: maxRunning)
    let filled = min(useful.overflow ? .max : useful.partialValue, configuration.pageLimit)
    // Two tokens are the least: one of a prompt and one of an answer.
    let affordable = try Self.count(
      of: kvBytes, unit: sizes.page, limit: configuration.pageLimit, .kvCacheMiB,
      "a page of \(pageTokens) tokens takes", atLeast: sizes.rows.pageCount(for: 2, run: 2), isFound: isAutomatic)
    let needed = min(affordable, filled) * sizes.page + slotBytes
    let memory = machine.usableMemory - coldBytes
    // Memory is reserved without being backed, so the system would agree now and end the process later.
    guard needed <= memory else {
      throw ConfigurationError(
        .kvCacheMiB,
        reason:
          "and the memory for recurrent state come to \((needed + coldBytes) >> 20) MiB, there are \((memory + coldBytes) >> 20)"
      )
    }
    let spare =
      isAutomatic ? available - needed : max(0, min(kvBytes + stateBytes - needed, (memory - needed) / 2))
    let keeps = configuration.keepsPrefixes
    // The first sequence to advance needs a slot, and the one that it starts from. Who has a single slot keeps nothing.
    let hasSpareSlot = keeps && (maxRunning > 1 || spare >= sizes.slot)
    let reserved = hasSpareSlot ? max(2, maxRunning) : maxRunning
    let bytes = needed + spare
    let mostPages = keeps ? filled + min(Self.maxKeptPages, .max - filled) : filled
    let pageCount =
      sizes.page > 0
      ? min((bytes - reserved * sizes.slot) / sizes.page, mostPages, configuration.pageLimit)
      : min(filled, Self.maxEmptyPages)
    let mostSlots = maxRunning + Self.maxKeptStates
    let slotCount = !hasSpareSlot ? maxRunning : sizes.slot > 0 ? min(bytes / sizes.slot, mostSlots) : mostSlots
    self.maxRunning = maxRunning
    self.pageCount = pageCount
    self.slotCount = slotCount
    self.coldSlotCount = coldSlotCount
    budget = MemoryBudget(
      bytes: min(bytes, pageCount * sizes.page + slotCount * sizes.slot), pageBytes: sizes.page, slotBytes: sizes.slot,
      reservedSlots: reserved)
  }

  /// The number of cold slots that a configuration has memory for.
  private static func coldSlotCount(
    _ configuration: EngineConfiguration, _ sizes: Sizes
  ) throws(ConfigurationError) -> Int {
    guard configuration.coldStateMiB > 0 else { return 0 }
    guard sizes.coldSlot > 0 else {
      throw ConfigurationError(.coldStateMiB, reason: "needs a model with recurrent state, and this one has none")
    }
    return try count(
      of: configuration.coldStateMiB << 20, unit: sizes.coldSlot, limit: maxKeptStates, .coldStateMiB,
      "a state with 8 bits an element takes", isFound: false)
  }

  /// Pages beside those that running sequences can fill: their bookkeeping takes memory and time at the start as well.
  private static let maxKeptPages = 1 << 16
  /// Pages that take no memory, so that only their bookkeeping does.
  private static let maxEmptyPages = 1 << 18
  /// States are looked through when one is evicted.
  private static let maxKeptStates = 1 << 12

  /// The bytes that are left beside activations, and beside a margin for whatever else grows: an eighth, and 256 MiB at
  /// least.
  private static func available(_ machine: MachineLimits, _ activationBytes: Int) -> Int {
    let bytes = min(machine.availableMemory, machine.usableMemory)
    return max(0, bytes - max(bytes / 8, 256 << 20) - activationBytes)
  }

  private static func count(
    of bytes: Int, unit: Int, limit: Int, _ property: ConfigurationError.Property, _ what: String,
    atLeast least: Int = 1, isFound: Bool
  ) throws(ConfigurationError) -> Int {
    guard unit > 0 else { return limit }
    let count = bytes / unit
    guard count >= least else {
      let given = isFound ? "finds \(bytes >> 20) MiB, which" : "of \(bytes >> 20)"
      throw ConfigurationError(
        property,
        reason:
          "\(given) is too small: \(what) \(unit) bytes, so at least \((least * unit >> 20) + 1) MiB are needed")
    }
    return min(count, limit)
  }
}
