import Testing

@testable import InferCore

/// A sequence that is nothing but what the scheduler sees of it.
final class BareSequence: Schedulable {
  var scheduling: SchedulingState

  init(
    _ prompt: [Int32], scoresPrompt: Bool = false, scope: CacheScope? = nil, marks: [Int] = [], priority: Int = 0,
    client: [UInt8] = []
  ) {
    scheduling = SchedulingState(
      prompt: prompt, scoresPrompt: scoresPrompt, scope: scope, marks: marks, priority: priority, client: client)
  }

  var id: Int { scheduling.id }
}

/// Drives a scheduler against a model that is nothing but its state: what a page or slot holds, it remembers, and a
/// sequence's next token is a hash of what it remembers.
struct SchedulerHarness {
  var scheduler: Scheduler<BareSequence>
  var plan = StepPlan()
  /// Tokens that came out, by request.
  private(set) var answers: [Int: [Int32]] = [:]
  private(set) var unfinished: Set<Int> = []
  private(set) var preemptions = 0
  private(set) var parked: Set<Int> = []
  /// Positions whose logits scored prompts, by request, in the order in which they came.
  private(set) var scored: [Int: [Int]] = [:]
  let maxScoredRows: Int
  private var prompts: [Int: Int] = [:]
  private var wanted: [Int: Int] = [:]
  private var pages: [[Int32]]
  private let slots: Slots
  private var steps = 0
  /// Rows that were computed so far.
  private(set) var rows = 0
  /// The number of tokens that come behind a chosen one without asking, given its number among the steps; the tokens are those
  /// that the model would have chosen.
  var forcedCount: (Int) -> Int = { _ in 0 }
  /// The time that a plan takes, if any of it is to be known.
  var seconds: ((StepPlan) -> Double)?
  private let hasPages: Bool
  private let hasState: Bool
  private let pageTokens: Int
  private let windows: [Int?]

  /// The states in slots, which the memory copies between as well.
  private final class Slots {
    private var states: [UInt64]
    init(count: Int) { states = Array(repeating: 0, count: count) }
    subscript(slot: Int32) -> UInt64 {
      get { states[Int(slot)] }
      set { states[Int(slot)] = newValue }
    }
  }

  /// - Parameters:
  ///   - pageTokens: Tokens of a page; `nil` for a model without keys and values.
  ///   - spareSlots: Slots for kept states, beside one for each running sequence.
  ///   - hasState: `false` for a model of attention alone.
  ///   - coldSlots: Cold slots, in which states stay exact here.
  ///   - windows: The number of tokens that each group of pages is looked back at; `nil` for all.
  ///   - bytes: The budget, of which `slotCount` slots are set aside; pages and slots take as many bytes as given.
  init(
    maxBatchTokens: Int, pageTokens: Int?, pageCount: Int, slotCount: Int, spareSlots: Int = 0, hasState: Bool = true,
    coldSlots: Int = 0, maxScoredRows: Int = 1, targetSeconds: Double? = nil, windows: [Int?] = [nil],
    bytes: (budget: Int, page: Int, slot: Int)? = nil
  ) {
    hasPages = pageTokens != nil
    self.hasState = hasState
    self.pageTokens = pageTokens ?? 4
    self.windows = windows
    let pageCount = hasPages ? pageCount : 1000
    var budget = MemoryBudget.unlimited
    if let bytes {
      budget = MemoryBudget(
        bytes: bytes.budget, pageBytes: hasPages ? bytes.page : 0, slotBytes: hasState ? bytes.slot : 0,
        reservedSlots: min(slotCount + spareSlots, max(2, slotCount)))
    }
    let slots = Slots(count: slotCount + spareSlots + coldSlots)
    scheduler = Scheduler(
      maxBatchTokens: maxBatchTokens, maxRunning: slotCount, maxScoredRows: maxScoredRows,
      targetSeconds: targetSeconds,
      memory: SequenceMemory(
        rows: PageRows(pageTokens: self.pageTokens, windows: windows), maxRun: maxBatchTokens, pageCount: pageCount,
        slotCount: slotCount + spareSlots,
        hasRecurrentState: hasState, budget: budget, coldSlotCount: coldSlots,
        copyState: { slots[$1] = slots[$0] }))
    self.maxScoredRows = maxScoredRows
    pages = Array(repeating: Array(repeating: -1, count: self.pageTokens), count: pageCount)
    self.slots = slots
  }

  /// Groups of pages with windows, at random.
  static func windows(_ random: inout some RandomNumberGenerator) -> [Int?] {
    let window = [1, 2, 5, 16, 30].randomElement(using: &random) ?? 1
    return [[nil, window], [window], [window, nil], [nil, window, window], [window, 12], [nil, nil, 7]].randomElement(
      using: &random) ?? [nil]
  }

  mutating func add(
    _ id: Int, prompt: [Int32], wanted count: Int, scoresPrompt: Bool = false, scope: CacheScope? = nil,
    marks: [Int] = [], priority: Int = 0, client: [UInt8] = []
  ) {
    let sequence = BareSequence(
      prompt, scoresPrompt: scoresPrompt, scope: scope, marks: marks, priority: priority, client: client)
    scheduler.add(sequence)
    #expect(sequence.id == id, "sequences are numbered in order of arrival")
    prompts[id] = prompt.count
    scored[id] = []
    answers[id] = []
    wanted[id] = count
    unfinished.insert(id)
  }

  mutating func cancel(_ id: Int) {
    #expect(scheduler.remove { $0.id == id }?.id == (unfinished.contains(id) ? id : nil))
    unfinished.remove(id)
    parked.remove(id)
  }

  /// Parks a request if it runs.
  mutating func park(_ id: Int) {
    guard scheduler.running.contains(where: { $0.id == id }) else { return }
    scheduler.park { $0.id == id }
    parked.insert(id)
  }

  /// Parks a running request once in so many calls.
  mutating func parkAtRandom(oneIn count: Int, using random: inout some RandomNumberGenerator) {
    if Int.random(in: 0..<count, using: &random) == 0,
      let id = scheduler.running.map(\.id).randomElement(using: &random)
    {
      park(id)
    }
  }

  /// Lets a parked request go on once in six calls, and whenever nothing else is left to do.
  mutating func unparkAtRandom(using random: inout some RandomNumberGenerator) {
    if Int.random(in: 0..<6, using: &random) == 0 || scheduler.isIdle,
      let id = parked.sorted().randomElement(using: &random)
    {
      unpark(id)
    }
  }

  mutating func unpark(_ id: Int) {
    #expect(scheduler.unpark { $0.id == id }?.id == (parked.contains(id) ? id : nil))
    parked.remove(id)
  }

  /// One step, with all invariants checked before and after. Returns the requests that ended.
  @discardableResult mutating func step() -> [Int] {
    let first = scheduler.running.first?.id
    scheduler.plan(into: &plan)
    if let first, scheduler.running.contains(where: { $0.id == first }) {
      #expect(plan.runs.contains { $0.sequence == first }, "the first by rank does not advance")
    }
    preemptions += scheduler.preempted.count
    scheduler.checkInvariants(during: plan)
    scheduler.giveBackMemory { released in
      for page in released.pages { pages[Int(page)] = Array(repeating: -2, count: pageTokens) }
      for slot in released.slots { slots[slot] = 0xDEAD }
    }
    copyPages()
    rows += plan.tokens.count
    var ended: [Int] = []
    var scoredRows = 0
    let outcomes = plan.runs.map { run in
      let token = compute(run)
      let behind = prompts[run.sequence, default: 0] - 1
      let positions = run.logits.map { run.position + $0 - run.tokens.lowerBound }
      scored[run.sequence]? += positions.filter { $0 < behind }
      scoredRows += positions.count { $0 < behind }
      guard let last = positions.last, last >= behind else { return RunOutcome.pending }
      let answered = answers[run.sequence]?.count ?? 0
      let left = wanted[run.sequence, default: 0] - answered - 1
      let forced = forcedTokens(of: run, behind: token, atMost: left)
      answers[run.sequence, default: []] += [token] + forced
      if forced.count == left {
        ended.append(run.sequence)
        return .ended
      }
      return .token(token, forced: forced)
    }
    #expect(scoredRows <= maxScoredRows, "\(scoredRows) rows score prompts")
    scheduler.commit(plan, outcomes)
    scheduler.checkInvariants(during: nil)
    seconds.map { scheduler.observe(plan, seconds: $0(plan)) }
    steps += 1
    if steps % 16 == 1 || scheduler.isIdle {
      checkCache()
      scheduler.checkLinks()
    }
    unfinished.subtract(ended)
    return ended
  }

  private func forcedTokens(of run: Run, behind token: Int32, atMost limit: Int) -> [Int32] {
    let count = min(forcedCount(steps), limit)
    guard count > 0, let sequence = scheduler.running.first(where: { $0.id == run.sequence }) else { return [] }
    return Self.answer(to: sequence.scheduling.tokens + [token], count: count)
  }

  private mutating func copyPages() {
    for copy in plan.pageCopies {
      for token in 0..<copy.tokens { pages[Int(copy.target)][token] = pages[Int(copy.source)][token] }
    }
  }

  private mutating func compute(_ run: Run) -> Int32 {
    var hash: UInt64 =
      switch run.start {
      case .zero: 0
      case .slot: slots[run.slot]
      case .copy(let slot): slots[slot]
      }
    for (offset, index) in run.tokens.enumerated() {
      hash = Self.extend(hash, plan.tokens[index])
      for capture in plan.captures[run.captures] where capture.rows == offset + 1 { slots[capture.slot] = hash }
      guard hasPages else { continue }
      let position = run.position + offset
      for group in windows.indices {
        let page = plan.pages[run.pages.lowerBound + position / pageTokens * windows.count + group]
        pages[Int(page)][position % pageTokens] = Self.content(plan.tokens[index], group)
      }
    }
    slots[run.slot] = hash
    guard hasPages else { return Self.token(hash, hash) }
    var paged: UInt64 = 0
    let tokens = scheduler.running.first { $0.id == run.sequence }?.scheduling.tokens ?? []
    let end = run.position + run.tokens.count
    for group in windows.indices {
      // The first token of the run looks back furthest.
      let first = windows[group].map { max(0, run.position - $0 + 1) } ?? 0
      for position in first..<end {
        let page = plan.pages[run.pages.lowerBound + position / pageTokens * windows.count + group]
        let found = page == PageRows.none ? nil : pages[Int(page)][position % pageTokens]
        let isRight = found == Self.content(tokens[position], group)
        if !isRight { Issue.record("group \(group) of \(run.sequence) has not what token \(position) left") }
        if group == 0, windows[0] == nil, let found { paged = Self.extend(paged, found) }
      }
    }
    if windows[0] != nil { paged = tokens.prefix(end).reduce(0) { Self.extend($0, $1) } }
    return hasState ? Self.token(hash, paged) : Self.token(paged, paged)
  }

  /// Lends what was kept since the last call, and gives back some of what is lent.
  mutating func lend(using random: inout some RandomNumberGenerator) {
    scheduler.withMemory { memory in
      memory.notesKept = true
      for slot in memory.takeNewlyKept() where Bool.random(using: &random) { _ = memory.lend(slot) }
      while memory.leases.count > 2, let lease = memory.leases.randomElement(using: &random) { memory.end(lease) }
    }
  }

  /// Puts a prefix into the cache as if it were read from disk, in two steps between which the memory may be taken back.
  mutating func load(_ tokens: [Int32], in scope: CacheScope) -> PrefixLease? {
    var lease: PrefixLease?
    scheduler.withMemory { lease = $0.reserve(tokens, states: [(tokens.count + 1) / 2, tokens.count], in: scope) }
    guard let lease else { return nil }
    for position in lease.whole * pageTokens..<tokens.count where hasPages {
      for group in windows.indices {
        let page = lease.pages[position / pageTokens * windows.count + group]
        if page != PageRows.none { pages[Int(page)][position % pageTokens] = Self.content(tokens[position], group) }
      }
    }
    for state in lease.states {
      slots[state.slot] = tokens.prefix(state.position).reduce(0) { Self.extend($0, $1) }
    }
    return lease
  }

  mutating func adopt(_ lease: PrefixLease) {
    scheduler.withMemory { _ = $0.adopt(lease) }
  }

  /// That what is kept is what it is kept as.
  private func checkCache() {
    let tree = scheduler.memory.tree
    for (index, node) in tree.nodes.enumerated() where node.count > 0 {
      let tokens = tree.tokens(of: Int32(index))
      for (group, page) in tree.row(of: Int32(index)).enumerated() where hasPages && page != PageRows.none {
        #expect(pages[Int(page)].starts(with: tokens.map { Self.content($0, group) }), "node \(index)")
      }
      #expect(windows[0] != nil || tree.page(of: Int32(index)) != PageRows.none, "node \(index) has no page")
      guard hasState, !node.states.isEmpty else { continue }
      var path: [ArraySlice<Int32>] = []
      var before = node.parent
      while before != PrefixTree.none {
        path.append(tree.tokens(of: before))
        before = tree[before].parent
      }
      var hash: UInt64 = 0
      for token in path.reversed().joined() { hash = Self.extend(hash, token) }
      for (offset, token) in tokens.enumerated() {
        hash = Self.extend(hash, token)
        for state in node.states where state.offset == offset + 1 { #expect(slots[state.slot] == hash) }
      }
    }
  }

  /// What a page of a group holds of a token.
  private static func content(_ token: Int32, _ group: Int) -> Int32 { token &+ Int32(group) &* 1_000_003 }

  /// What a request yields when nothing else is there.
  static func answer(to prompt: [Int32], count: Int) -> [Int32] {
    var hash: UInt64 = 0
    for token in prompt { hash = extend(hash, token) }
    return (0..<count).map { _ in
      let next = token(hash, hash)
      hash = extend(hash, next)
      return next
    }
  }

  private static func extend(_ hash: UInt64, _ token: Int32) -> UInt64 {
    CounterGenerator(seed: hash).bits(at: UInt64(UInt32(bitPattern: token)))
  }

  private static func token(_ a: UInt64, _ b: UInt64) -> Int32 { Int32((a ^ (b >> 20)) & 0xFFFF) }
}
