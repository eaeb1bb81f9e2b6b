extension StepPlan {
  /// The plan in parts for the stages of a grid, which compute them one behind another: while one stage has a part, the stage
  /// before has the next one already. The last part has all rows whose logits or hidden states are wanted. One that is alone
  /// gets the plan as it is.
  ///
  /// A stage reads all its weights for each part, so that only rows of prompts are parted from others, and not too few.
  package func parts(for grid: RankGrid?) -> [StepPlan] {
    guard let stages = grid?.stages, stages > 1 else { return [self] }
    let early = runs.reduce(0) { $0 + Self.earlyRows(of: $1) }
    return parts(ofRows: max(Self.leastPartRows, (early + 4 * stages - 1) / (4 * stages)))
  }

  /// The fewest rows of a part, which take about as long as the weights take to be read.
  private static let leastPartRows = 64

  /// The rows of a run that can be computed before its others: all before those that something is wanted of, and not all.
  private static func earlyRows(of run: Run) -> Int {
    let wanted = [run.logits, run.hidden].filter { !$0.isEmpty }.map(\.lowerBound)
    return min(wanted.min() ?? .max, run.tokens.upperBound - 1) - run.tokens.lowerBound
  }

  /// The plan in parts of a number of rows, and a last one that has the rest.
  func parts(ofRows rows: Int) -> [StepPlan] {
    precondition(rows > 0, "parts of \(rows) rows")
    var parts: [StepPlan] = []
    var part = StepPlan()
    // The rows of each run that are in parts.
    var done = [Int](repeating: 0, count: runs.count)
    for (index, run) in runs.enumerated() {
      let early = Self.earlyRows(of: run)
      // What is left of a prompt goes with the last part, whose weights are read in any case.
      while early - done[index] >= rows - part.tokens.count {
        let count = rows - part.tokens.count
        part.append(run, done[index]..<done[index] + count, of: self)
        done[index] += count
        parts.append(part)
        part = StepPlan()
      }
    }
    guard !parts.isEmpty else { return [self] }
    for (index, run) in runs.enumerated() { part.append(run, done[index]..<run.tokens.count, of: self) }
    return parts + [part]
  }

  /// Appends some rows of a run of another plan.
  private mutating func append(_ run: Run, _ rows: Range<Int>, of plan: StepPlan) {
    let (firstToken, firstPage, firstCapture) = (tokens.count, pages.count, captures.count)
    let offset = firstToken - run.tokens.lowerBound - rows.lowerBound
    tokens += plan.tokens[run.tokens][(run.tokens.lowerBound + rows.lowerBound)...].prefix(rows.count)
    pages += plan.pages[run.pages]
    for capture in plan.captures[run.captures] where rows.lowerBound < capture.rows && capture.rows <= rows.upperBound {
      captures.append(StateCapture(rows: capture.rows - rows.lowerBound, slot: capture.slot))
    }
    func moved(_ range: Range<Int>) -> Range<Int> {
      let isHere = !range.isEmpty && rows.upperBound == run.tokens.count
      return isHere ? range.lowerBound + offset..<range.upperBound + offset : firstToken..<firstToken
    }
    runs.append(
      Run(
        sequence: run.sequence, tokens: firstToken..<tokens.count, position: run.position + rows.lowerBound,
        pages: firstPage..<pages.count, slot: run.slot, start: rows.lowerBound == 0 ? run.start : .slot,
        captures: firstCapture..<captures.count, logits: moved(run.logits), hidden: moved(run.hidden),
        adapter: run.adapter))
  }
}
