/// Runs a model's steps one by one, without scheduling: for logits, benchmarks and tests, which plan steps themselves.
///
/// Every sequence has its own pages and slot for the runner's whole life; the slot's number is the sequence's. Further
/// slots keep captured states, cold ones with 8 bits an element.
package final class StepRunner {
  /// Consecutive tokens of a sequence that a step computes.
  package struct Part: Sendable {
    /// The sequence's number.
    package var sequence: Int
    /// Its next tokens.
    package var tokens: ArraySlice<Int32>
    /// Position of the first of them.
    package var position: Int
    /// The number of rows, the last ones, whose logits are computed.
    package var logits: Int
    /// The recurrent state before `tokens`; `nil` for zero before position 0, and elsewhere for the sequence's own.
    package var start: StateStart?
    /// Captures of the recurrent state between and after `tokens`, in ascending order.
    package var captures: [StateCapture]
    /// The index of the sequence's adapter; `nil` for none.
    package var adapter: Int?

    /// Creates a part; see the properties.
    package init(
      sequence: Int, tokens: ArraySlice<Int32>, position: Int, logits: Int, start: StateStart? = nil,
      captures: [StateCapture] = [], adapter: Int? = nil
    ) {
      self.sequence = sequence
      self.tokens = tokens
      self.position = position
      self.logits = logits
      self.start = start
      self.captures = captures
      self.adapter = adapter
    }
  }

  /// The slots of no sequence, which captured states can be kept in.
  package let spareSlots: Range<Int32>
  /// The slots that states can be copied to to be rounded to 8 bits an element.
  package let coldSlots: Range<Int32>

  /// The report of the last step.
  package var report: StepReport { workspace.report }
  /// The time that the choice of tokens has taken in all steps.
  package private(set) var samplingTime = Duration.zero

  private let model: any LanguageModel
  private let grid: RankGrid?
  private let store: StateStore
  private let team: ThreadTeam
  fileprivate let workspace = Workspace()
  private let rows: PageRows
  private let pagesPerSequence: Int
  private var plan = StepPlan()
  /// The sampler of each sequence; none where tokens are not chosen.
  private let samplers: [Sampler]
  private var sampling: BatchSampling

  /// A runner for `sequences` sequences of up to `length` tokens each, and with `spareSlots` slots for captured states
  /// and `coldSlots` for rounded ones. With `sampling`, a step chooses a token from each row of logits as well, as an engine
  /// does. A log notes the times of the items of its steps, with one thread. Where several ranks compute the model together,
  /// each has a runner of its share, and all run the same steps.
  ///
  /// - Throws: ``ModelError`` when there is no memory, or no thread.
  package init(
    model: any LanguageModel, sequences: Int, length: Int, kvType: KVType, threads: Int, pageTokens: Int = 16,
    spareSlots: Int = 0, coldSlots: Int = 0, sampling parameters: SamplingParameters? = nil, log: RegionLog? = nil,
    grid: RankGrid? = nil
  ) throws(ModelError) {
    precondition(length <= model.contextLength, "\(length) tokens in a context of \(model.contextLength)")
    self.model = model
    self.grid = grid
    let rows = PageRows(pageTokens: pageTokens, windows: model.stateLayout.pageGroups.windows)
    self.rows = rows
    pagesPerSequence = rows.count(for: length) * rows.groupCount
    store = try StateStore(
      layout: model.stateLayout, kvType: kvType, pageTokens: pageTokens, pageCount: sequences * pagesPerSequence,
      slotCount: sequences + spareSlots, coldSlotCount: coldSlots)
    self.spareSlots = Int32(sequences)..<Int32(sequences + spareSlots)
    self.coldSlots = self.spareSlots.upperBound..<self.spareSlots.upperBound + Int32(coldSlots)
    team = try ThreadTeam(count: threads, placement: .current, log: log)
    sampling = BatchSampling(workers: team.count)
    samplers = (0..<sequences).compactMap { _ in
      parameters.map { Sampler($0, prompt: [], minimumLength: 0, stopTokens: []) }
    }
    plan.pages.reserveCapacity(sequences * pagesPerSequence)
  }

  /// Computes one step. `body` gets the wanted rows of logits, `[rows × vocabulary]`, in order of `parts`, unless tokens were
  /// chosen from them, which uses them up.
  ///
  /// - Precondition: token ids are within the model's vocabulary, positions continue each sequence.
  package func step<Failure: Error>(_ parts: [Part], _ body: (Rows) throws(Failure) -> Void) throws(Failure) {
    plan.removeAll()
    for part in parts { append(part) }
    team.bindCaller()
    defer { team.releaseCaller() }
    guard let grid, grid.stages > 1 else {
      return try run(Step(plan: plan, store: store, team: team, workspace: workspace, grid: grid), body)
    }
    let parts = plan.parts(for: grid)
    for (index, part) in parts.dropLast().enumerated() {
      let step = Step(plan: part, store: store, team: team, workspace: workspace, grid: grid, goesOn: index > 0)
      var logits = step.take(rows: 0, columns: model.vocabularySize)
      model.forward(step, logits: &logits)
    }
    let last = parts[parts.count - 1]
    try run(
      Step(plan: last, store: store, team: team, workspace: workspace, grid: grid, goesOn: parts.count > 1), body)
  }

  /// Copies the keys and values of a sequence's first `tokens` tokens to another sequence, which can then go on from
  /// there.
  package func copyPages(of source: Int, to target: Int, tokens: Int) {
    precondition(rows.count(for: tokens) * rows.groupCount <= pagesPerSequence, "\(tokens) tokens, \(pagesPerSequence)")
    for first in stride(from: 0, to: tokens, by: store.pageTokens) {
      for group in 0..<rows.groupCount {
        let page = first / store.pageTokens * rows.groupCount + group
        store.copyPage(
          from: Int32(source * pagesPerSequence + page), to: Int32(target * pagesPerSequence + page),
          tokens: min(store.pageTokens, tokens - first), group: group)
      }
    }
  }

  /// Copies a recurrent state to another slot, one of which may be cold.
  package func copyState(from source: Int32, to target: Int32) { store.copySlot(from: source, to: target, team) }

  // A step that is a local variable is put on the heap, one that is an argument is not.
  private func run<Failure: Error>(_ step: borrowing Step, _ body: (Rows) throws(Failure) -> Void) throws(Failure) {
    var logits = step.take(rows: step.plan.logitRowCount, columns: model.vocabularySize)
    model.forward(step, logits: &logits)
    guard samplers.isEmpty else { return sample(&logits) }
    try body(logits.rows)
  }

  private func sample(_ logits: inout MutableRows) {
    sampling.removeAll()
    for run in plan.runs {
      for _ in run.logits { sampling.append(.choose(samplers[Int(run.slot)])) }
    }
    samplingTime += ContinuousClock().measure { sampling.run(&logits, team) }
  }

  private func append(_ part: Part) {
    let firstRow = plan.tokens.count
    plan.tokens.append(contentsOf: part.tokens)
    let rows = firstRow..<plan.tokens.count
    let firstPage = plan.pages.count
    let pages = self.rows.count(for: part.position + part.tokens.count) * self.rows.groupCount
    precondition(pages <= pagesPerSequence, "\(pages) pages of \(pagesPerSequence)")
    for page in 0..<pages { plan.pages.append(Int32(part.sequence * pagesPerSequence + page)) }
    let firstCapture = plan.captures.count
    plan.captures.append(contentsOf: part.captures)
    plan.runs.append(
      Run(
        sequence: part.sequence, tokens: rows, position: part.position, pages: firstPage..<plan.pages.count,
        slot: Int32(part.sequence), start: part.start, captures: firstCapture..<plan.captures.count,
        logits: (rows.upperBound - part.logits)..<rows.upperBound, adapter: part.adapter))
  }
}

extension StepRunner {
  /// The number of rows of the step that is tried.
  private static let triedRows = 64

  /// The bytes of activations that the largest step of a model needs, estimated from a small one that is computed.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - rows: The maximum number of rows in a step.
  ///   - logitRows: The maximum number of rows of logits in a step.
  ///   - kvType: Element format of keys and values.
  ///   - threads: Threads to compute with: some activations are one for each.
  ///   - grid: The ranks that compute the model together, all of which have to call this.
  /// - Throws: ``ModelError`` when there is no memory for even that.
  /// - Complexity: that of reading a prompt of 64 tokens.
  static func activationBytes(
    of model: any LanguageModel, rows: Int, logitRows: Int, kvType: KVType, threads: Int,
    grid: RankGrid? = nil
  ) throws(ModelError) -> Int {
    let tried = min(triedRows, rows, model.contextLength)
    let runner = try StepRunner(
      model: model, sequences: 1, length: tried, kvType: kvType, threads: threads, grid: grid)
    let tokens = Array(repeating: Int32(0), count: tried)
    runner.step([Part(sequence: 0, tokens: tokens[...], position: 0, logits: 1)]) { _ in }
    // Memory that does not grow with rows is counted as if it did, which leaves room for that of longer sequences.
    let steps = (rows + tried - 1) / tried
    return runner.workspace.scratch.peakByteCount * steps * 5 / 4 + logitRows * (model.vocabularySize + 16) * 4
  }
}
