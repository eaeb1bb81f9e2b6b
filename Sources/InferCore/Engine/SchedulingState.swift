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
  /// The page table, in rows: pages of positions `0 ..< computed`, and while a step is under way of those that it computes, but
  /// for what lies behind windows.
  private(set) var pages: [Int32] = []
  /// The number of pages that are there.
  private(set) var pageCount = 0
  /// The slot of recurrent state; `nil` while the sequence has no memory.
  private(set) var slot: Int32?
  /// Positions of the prompt that are wanted and have not been computed: their logits score the tokens behind them, or
  /// their hidden states are pooled.
  private(set) var unscored: Range<Int>
  /// `true` when hidden states are wanted, and no logits.
  let isPooled: Bool
  /// The sequences with which state is shared; `nil` when this one neither finds nor leaves any.
  let scope: CacheScope?
  /// Numbers of tokens after which state is to be kept, in ascending order, as far as they are not computed.
  private(set) var marks: [Int] = []
  /// The prompt's landmarks, ascending.
  private let landmarks: [PromptLandmark]
  /// The number of the prompt's tokens that were found when the sequence first ran.
  private(set) var cachedTokens: Int?
  /// The recurrent state that the next run starts from.
  private var start = StateStart.zero
  /// The node of the last whole page that is in the cache, and the number of whole pages up to there.
  private var node: Int32?
  private var wholePages = 0
  /// The pages that the next run's first row is copied from, and the slot that it starts from, held until it is computed.
  private(set) var held: (pages: [Int32], slot: Int32?) = ([], nil)
  /// A running sequence that begins as this one does, and the number of tokens that both begin with.
  var leader: (id: Int, tokens: Int)?
  /// `true` while state of the first tokens is being loaded, for which the sequence waits.
  var isLoading = false

  /// The urgency: those with a lower number go before all with a higher one.
  let priority: Int
  /// The client whose sequence this is; sequences of different clients get as much service each.
  let client: [UInt8]
  /// The index of ``client`` in the scheduler's ``ServiceCounters``.
  var clientIndex = 0
  /// The index of the sequence's adapter in the model; `nil` for none.
  let adapter: Int?
  /// The number of the prompt's tokens.
  let promptLength: Int
  /// The number of first tokens that the cache was seen to have while the sequence waits.
  var expectedTokens = 0
  /// The number of younger sequences of the same priority that began to run while this one waits.
  var overtaken = 0
  /// The number of prompt tokens that the client was charged for.
  private var charged = 0
  /// The number of rows that the step being planned has for the sequence.
  var share = 0
  /// `true` when the step being planned has nothing more for the sequence.
  var isDealt = false

  /// The state of a request that has just come.
  ///
  /// - Parameters:
  ///   - prompt: The prompt.
  ///   - scoresPrompt: `true` when its tokens are to be scored, for which all are computed.
  ///   - pooled: The positions of the prompt whose hidden states are wanted, for which all from there on are computed;
  ///     `nil` for a sequence whose logits are.
  ///   - scope: The sequences with which state is shared; `nil` for none.
  ///   - marks: Numbers of the prompt's tokens after which other prompts may go on differently.
  ///   - landmarks: Places in the prompt that others can name, ascending.
  ///   - priority: The urgency, lower before higher.
  ///   - client: The client whose request it is.
  ///   - adapter: The index of its adapter.
  init(
    prompt: [Int32], scoresPrompt: Bool, pooled: Range<Int>? = nil, scope: CacheScope? = nil, marks: [Int] = [],
    landmarks: [PromptLandmark] = [], priority: Int = 0, client: [UInt8] = [], adapter: Int? = nil
  ) {
    tokens = prompt
    tokens.reserveCapacity(prompt.count + Self.reserved)
    promptLength = prompt.count
    self.priority = priority
    self.client = client
    self.adapter = adapter
    isPooled = pooled != nil
    unscored = pooled ?? 0..<(scoresPrompt ? max(0, prompt.count - 1) : 0)
    self.scope = scope
    self.landmarks = landmarks
    guard scope != nil else { return }
    for mark in marks + [prompt.count - 1] { self.mark(mark) }
    markIntervals()
  }

  /// Marks positions that know nothing of the prompt's text: all that are a multiple of a large interval, and towards the
  /// end of the prompt the last but one of each smaller interval, and the very last of the smallest. Whoever shares all but
  /// the last d tokens of the prompt finds a state no further than 4 · d from its end, or 1,024, and few states are kept.
  private mutating func markIntervals() {
    for position in stride(from: Self.markInterval, to: promptLength, by: Self.markInterval) { mark(position) }
    mark((promptLength - 1) / Self.leastMarkInterval * Self.leastMarkInterval)
    var interval = Self.leastMarkInterval
    while interval < Self.markInterval {
      mark(((promptLength - 1) / interval - 1) * interval)
      interval *= 2
    }
  }

  /// The number of tokens that are left to compute.
  var missing: Int { tokens.count - computed }

  /// `true` when the sequence goes on with its answer: its last token is left to compute, and perhaps some before it that were
  /// taken without asking or are computed again.
  var isAnswering: Bool { missing == 1 || computed >= promptLength }

  /// The prompt tokens that were computed since the last call, for the first time.
  mutating func chargePrompt() -> Int {
    let end = min(computed, promptLength)
    let new = max(0, end - max(charged, cachedTokens ?? 0))
    charged = max(charged, end)
    return new
  }

  /// `true` once the sequence has a generated token.
  var hasAnswered: Bool { tokens.count > promptLength }

  /// The position in the order in which sequences keep their memory.
  var rank: Rank { Rank(priority: priority, id: id) }

  /// By priority and then by age.
  struct Rank: Comparable {
    let priority: Int
    let id: Int

    static func < (a: Rank, b: Rank) -> Bool { (a.priority, a.id) < (b.priority, b.id) }
  }

  /// The number of first tokens whose state may be found instead of computed: all but the last, unless they score.
  var reusable: Int { unscored.isEmpty ? tokens.count - 1 : min(unscored.lowerBound, tokens.count - 1) }

  /// Has the state after `count` tokens kept, unless it is computed already or not worth it.
  mutating func mark(_ count: Int) {
    guard scope != nil, count > computed, count >= Self.leastKept, count < tokens.count, !marks.contains(count) else {
      return
    }
    marks.insert(count, at: marks.firstIndex { $0 > count } ?? marks.endIndex)
  }

  /// The number of generated tokens for which lists have room at once, so that a short answer's steps allocate nothing
  /// wherever the allocator's sizes lie.
  private static let reserved = 512

  /// The number of tokens below which computing them costs less than keeping their state.
  static let leastKept = 16
  /// The numbers of tokens after which a state is kept wherever they end, so that of a long prompt that is changed at its
  /// end, or that breaks off, no more has to be computed again.
  static let markInterval = 4096
  static let leastMarkInterval = 512

  /// `true` once the state of the sequence is in its slot.
  private var isStarted: Bool { if case .slot = start { true } else { false } }

  /// Takes a slot, and what the cache has of the first tokens, which the caller has had held.
  mutating func hold(slot: Int32, _ hit: SequenceMemory.Hit, in memory: inout SequenceMemory) {
    self.slot = slot
    computed = hit.tokens
    pages = hit.pages
    pages.reserveCapacity(hit.pages.count + Self.reserved / 8 * memory.rows.groupCount)
    pageCount = hit.pageCount
    node = hit.node
    wholePages = hit.pages.count / memory.rows.groupCount
    held = (hit.partialPages, hit.slot)
    start = hit.slot.map(StateStart.copy) ?? .zero
    if let source = hit.slot, memory.isCold(source) {
      memory.expand(source, into: slot)
      start = .slot
    }
    if let scope {
      if cachedTokens == nil { memory.note(hit, of: tokens, in: scope) }
      memory.use(hit, landmarks)
    }
    cachedTokens = cachedTokens ?? hit.tokens
    // Where known sequences part, others may: the next that begins so needs the state there.
    mark(hit.knownTokens)
    dropMarks()
  }

  /// Takes a row of pages, into which the plan copies the part of a hit's last row that is in the hit.
  mutating func copyPartialPages(to row: [Int32], of hit: SequenceMemory.Hit, in plan: inout StepPlan) {
    for (group, (source, page)) in zip(hit.partialPages, row).enumerated() where source != PageRows.none {
      plan.pageCopies.append(PageCopy(from: source, to: page, tokens: hit.partialTokens, group: group))
    }
    pages += row
    pageCount += row.count
  }

  /// Takes a page, the next of a row, which holds the state of positions behind those of the last row.
  mutating func hold(page: Int32) {
    pages.append(page)
    pageCount += 1
  }

  /// Gives all memory back. What was computed is lost but for what the cache keeps.
  ///
  /// - Parameter isWanted: `true` when the sequence goes on later.
  mutating func release(to memory: inout SequenceMemory, isWanted: Bool = false) {
    letGo(&memory)
    expectedTokens = computed
    if let slot {
      if let scope, isStarted {
        memory.keep(
          slot, after: computed, of: tokens, pages: pages, last: node, whole: wholePages, in: scope,
          isWanted: isWanted, landmark: landmarks.hash(atOrBehind: computed))
      } else {
        memory.give(slot: slot)
      }
    }
    memory.give(pages: pages)
    slot = nil
    pages.removeAll()
    pageCount = 0
    computed = 0
    node = nil
    wholePages = 0
    start = .zero
  }

  /// Adds a generated token.
  mutating func append(_ token: Int32) { tokens.append(token) }

  /// Notes that a run is computed, and puts what it left into the cache.
  mutating func finish(_ run: Run, _ captures: ArraySlice<StateCapture>, in memory: inout SequenceMemory) {
    letGo(&memory)
    start = .slot
    let first = computed
    computed += run.tokens.count
    unscored = min(max(unscored.lowerBound, computed), unscored.upperBound)..<unscored.upperBound
    share(in: &memory)
    defer { pageCount -= memory.giveBehindWindows(&pages, computed: computed) }
    guard let scope else { return }
    for capture in captures {
      memory.keep(
        capture.slot, after: first + capture.rows, of: tokens, pages: pages, last: node, whole: wholePages,
        in: scope, landmark: landmarks.hash(atOrBehind: first + capture.rows))
    }
    dropMarks()
  }

  /// Puts whole pages into the cache.
  private mutating func share(in memory: inout SequenceMemory) {
    guard let scope else { return }
    memory.insert(tokens, computed: computed, pages: &pages, last: &node, whole: &wholePages, in: scope)
  }

  private mutating func letGo(_ memory: inout SequenceMemory) {
    memory.give(pages: held.pages)
    if let slot = held.slot { memory.give(slot: slot) }
    held = ([], nil)
  }

  private mutating func dropMarks() { marks.removeAll { $0 <= computed } }

  /// The number of the next `rows` tokens whose logits score others.
  func scoredCount(within rows: Int) -> Int { isPooled ? 0 : wanted(within: rows).count }

  /// The wanted positions of the next `rows` tokens.
  private func wanted(within rows: Int) -> Range<Int> { unscored.clamped(to: computed..<computed + rows) }

  /// The number of next tokens that can be computed when no more than `limit` of them may score.
  func rows(scoringAtMost limit: Int) -> Int {
    if isPooled { return missing }
    let first = max(computed, unscored.lowerBound)
    return unscored.upperBound - first <= limit ? missing : first - computed + limit
  }

  /// Adds the next `rows` tokens to a plan. Logits are wanted where they score, and once no token is left to compute;
  /// or else the hidden states that are pooled.
  ///
  /// - Parameter slot: Gives a slot to keep a state in; `nil` when there is none.
  func appendRun(of rows: Int, to plan: inout StepPlan, keepingIn slot: () -> Int32?) {
    let first = plan.tokens.count
    plan.tokens.append(contentsOf: tokens[computed..<computed + rows])
    let firstPage = plan.pages.count
    plan.pages.append(contentsOf: pages)
    let firstCapture = plan.captures.count
    for mark in marks.prefix(while: { $0 <= computed + rows }) {
      guard let slot = slot() else { break }
      plan.captures.append(StateCapture(rows: mark - computed, slot: slot))
    }
    let end = plan.tokens.count
    let logits = isPooled ? 0 : scoredCount(within: rows) + (rows == missing ? 1 : 0)
    let pooled = isPooled ? wanted(within: rows) : computed..<computed
    plan.runs.append(
      Run(
        sequence: id, tokens: first..<end, position: computed, pages: firstPage..<plan.pages.count,
        slot: self.slot ?? 0, start: start, captures: firstCapture..<plan.captures.count, logits: end - logits..<end,
        hidden: first + pooled.lowerBound - computed..<first + pooled.upperBound - computed,
        adapter: adapter))
  }
}
