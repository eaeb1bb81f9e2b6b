/// The rows of a step that are left for prompts, and the time for them.
struct StepBudget {
  var rows: Int
  /// The number of rows whose logits may score prompts.
  var scoredRows: Int
  /// The seconds that prompt rows may take; `nil` while nothing is known of their time.
  var seconds: Double?
  /// `true` while no prompt has got rows: the first gets some whatever time there is.
  var isWhole = true

  /// `true` when a prompt can get rows.
  var hasRows: Bool { rows > 0 && (isWhole || (seconds ?? 1) > 0) }

  /// One of so many parts of the rows and of the time, with all rows that may score, taken out of the budget.
  mutating func take(oneIn parts: Int) -> StepBudget {
    let part = StepBudget(
      rows: (rows + parts - 1) / parts, scoredRows: scoredRows, seconds: seconds.map { $0 / Double(parts) },
      isWhole: isWhole)
    rows -= part.rows
    scoredRows = 0
    seconds = seconds.map { $0 - (part.seconds ?? 0) }
    return part
  }

  /// Puts back what is left of a part.
  mutating func put(back part: StepBudget) {
    rows += part.rows
    scoredRows += part.scoredRows
    seconds = seconds.map { $0 + (part.seconds ?? 0) }
    isWhole = isWhole && part.isWhole
  }
}

/// The order in which prompts get rows: the least is first.
struct PromptTurn: Comparable {
  let priority: Int
  /// 0 for those whose answer has begun, 1 for those that were overtaken too often, both by age; 2 for all others.
  let urgency: Int
  /// The service of the client so far.
  let served: Int
  /// The number of tokens left to compute.
  let remaining: Int
  /// Of two with as much to compute the one that the cache has more of goes first.
  let length: Int
  let id: Int

  /// The turn of a sequence whose client has been served so many tokens.
  init(_ state: SchedulingState, served: Int) {
    let isWaiting = state.slot == nil
    let isOvertaken = isWaiting && state.overtaken >= Self.maxOvertaken
    priority = state.priority
    urgency = state.hasAnswered ? 0 : isOvertaken ? 1 : 2
    id = state.id
    // Those go by age, so that each has its turn, and none comes back in the place of one that has waited longer.
    let goesByAge = urgency < 2
    self.served = goesByAge ? 0 : served
    remaining = goesByAge ? 0 : state.missing - (isWaiting ? state.expectedTokens : 0)
    length = goesByAge ? 0 : state.tokens.count
  }

  /// The number of younger sequences after which one that waits goes before them.
  static let maxOvertaken = 32

  static func < (a: PromptTurn, b: PromptTurn) -> Bool {
    if a.priority != b.priority { return a.priority < b.priority }
    if a.urgency != b.urgency { return a.urgency < b.urgency }
    if a.served != b.served { return a.served < b.served }
    if a.remaining != b.remaining { return a.remaining < b.remaining }
    return a.length == b.length ? a.id < b.id : a.length > b.length
  }
}
