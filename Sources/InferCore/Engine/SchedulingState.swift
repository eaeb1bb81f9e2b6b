/// A sequence that a ``Scheduler`` can schedule, and of which it sees nothing else than ``scheduling``.
protocol Schedulable: AnyObject {
  /// The scheduler's part, which the scheduler alone changes.
  var scheduling: SchedulingState { get set }
}

/// The part of a sequence that scheduling is about: its tokens, and the memory that holds their state.
struct SchedulingState {
  /// Ascending in order of arrival; given by ``Scheduler/add(_:)``.
  var id = 0
  /// Prompt and generated tokens. At least one is not computed yet.
  private(set) var tokens: [Int32]
  /// The number of `tokens` whose state is in memory.
  private(set) var computed = 0
  /// The page table: pages of positions `0 ..< computed`, and while a step is under way of those that it computes.
  private(set) var pages: [Int32] = []
  /// The slot of recurrent state; `nil` while the sequence has no memory.
  private(set) var slot: Int32?
  /// Positions of the prompt whose logits are wanted and have not been computed: they score the tokens behind them.
  private(set) var unscored: Range<Int>

  /// The state of a request that has just come, whose prompt's tokens are to be scored if `scoresPrompt`.
  init(prompt: [Int32], scoresPrompt: Bool) {
    tokens = prompt
    unscored = 0..<(scoresPrompt ? max(0, prompt.count - 1) : 0)
  }

  /// The number of tokens that are left to compute.
  var missing: Int { tokens.count - computed }

  /// Takes a slot.
  mutating func hold(slot: Int32) { self.slot = slot }

  /// Takes a page, which holds the state of positions behind those of the last.
  mutating func hold(page: Int32) { pages.append(page) }

  /// Gives all memory back; what was computed is lost.
  mutating func release(to pool: inout IndexPool, slots: inout IndexPool) {
    for page in pages { pool.give(page) }
    pages.removeAll()
    if let slot { slots.give(slot) }
    slot = nil
    computed = 0
  }

  /// Adds a generated token.
  mutating func append(_ token: Int32) { tokens.append(token) }

  /// Notes that the next `rows` tokens are computed.
  mutating func advance(by rows: Int) {
    computed += rows
    unscored = min(max(unscored.lowerBound, computed), unscored.upperBound)..<unscored.upperBound
  }

  /// The positions that the next `rows` tokens score.
  func scored(within rows: Int) -> Range<Int> { unscored.clamped(to: computed..<computed + rows) }

  /// The number of next tokens that can be computed when no more than `limit` of them may score.
  func rows(scoringAtMost limit: Int) -> Int {
    let first = max(computed, unscored.lowerBound)
    return unscored.upperBound - first <= limit ? missing : first - computed + limit
  }

  /// Adds the next `rows` tokens to a plan. Logits are wanted where they score, and once no token is left to compute.
  func appendRun(of rows: Int, to plan: inout StepPlan) {
    let first = plan.tokens.count
    plan.tokens.append(contentsOf: tokens[computed..<computed + rows])
    let firstPage = plan.pages.count
    plan.pages.append(contentsOf: pages)
    let end = plan.tokens.count
    let wanted = scored(within: rows).count + (rows == missing ? 1 : 0)
    plan.runs.append(
      Run(
        sequence: id, tokens: first..<end, position: computed, pages: firstPage..<plan.pages.count,
        slot: slot ?? 0, logits: end - wanted..<end))
  }
}
