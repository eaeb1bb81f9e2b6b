/// The rows of a step that go to each expert: all (row, choice) pairs, sorted by expert, and within an expert by row,
/// in the step's scratch. The pairs of experts that are here come first, and others may be on other ranks.
@safe struct ExpertAssignment: ~Escapable {
  /// The number of pairs whose expert is here, and computes something.
  let count: Int
  private let pairCount: Int
  private let topK: Int
  /// The number of experts that are here.
  let expertCount: Int
  /// The number of experts that compute something, here or elsewhere: the first ones.
  private let workingCount: Int
  /// For each pair in order of rows: its place in the sorted order, and its weight. `[rows × topK]`
  private let place: UnsafeMutablePointer<Int32>
  private let weight: UnsafeMutablePointer<Float>
  /// For each place in the sorted order: the row. `[count]`
  private let source: UnsafeMutablePointer<Int32>
  /// The place of the first row of each expert, these in their own order, in the sorted order. `[all experts + 1]`
  private let start: UnsafeMutablePointer<Int32>

  /// Chooses experts for every row of `logits`, which become scores, and sorts the pairs.
  @_lifetime(borrow step)
  init(_ logits: inout MutableRows, _ selection: ExpertSelection, _ experts: Experts, _ step: borrowing Step) {
    let topK = selection.topK
    self.topK = topK
    let (pairCount, total) = (logits.count * topK, selection.expertCount)
    workingCount = experts.count
    expertCount = experts.numbers.count
    unsafe place = step.scratch.take(pairCount, of: Int32.self)
    unsafe weight = step.scratch.take(pairCount, of: Float.self)
    unsafe source = step.scratch.take(pairCount, of: Int32.self)
    unsafe start = step.scratch.take(total + 2, of: Int32.self)
    let workspaceCount = selection.workspaceCount
    let workspace = unsafe step.scratch.take(logits.count * workspaceCount, of: Float.self)
    let (chosen, weights) = unsafe (place, weight)
    unsafe forEachRow(logits.count, step) { row in
      unsafe selection.select(
        logits: logits.base + row * logits.stride, experts: chosen + row * topK, weights: weights + row * topK,
        workspace: workspace + row * workspaceCount)
    }
    for pair in 0..<pairCount {
      let expert = unsafe Int(place[pair])
      // Those that pass on what they see stay the last.
      if expert < experts.count { unsafe place[pair] = experts.places[expert] }
    }
    unsafe Self.sort(place, source, start, pairCount: pairCount, experts: total, topK: topK)
    self.pairCount = pairCount
    count = unsafe Int(start[expertCount])
  }

  /// Counting sort. `place` holds each pair's expert before, its place after.
  @unsafe private static func sort(
    _ place: UnsafeMutablePointer<Int32>, _ source: UnsafeMutablePointer<Int32>, _ start: UnsafeMutablePointer<Int32>,
    pairCount: Int, experts: Int, topK: Int
  ) {
    unsafe start.update(repeating: 0, count: experts + 2)
    // Counts are kept two places up, so that after the sums `start[e + 1]` walks from e's begin to its end.
    for pair in 0..<pairCount { unsafe start[Int(place[pair]) + 2] += 1 }
    for expert in 2..<experts + 2 { unsafe start[expert] += start[expert - 1] }
    for pair in 0..<pairCount {
      let expert = unsafe Int(place[pair])
      let index = unsafe start[expert + 1]
      unsafe start[expert + 1] += 1
      unsafe place[pair] = index
      unsafe source[Int(index)] = Int32(pair / topK)
    }
  }

  /// The number of rows of the expert at a place among all of the layer, wherever it is.
  func rowCount(at place: Int32) -> Int { unsafe Int(start[Int(place) + 1] - start[Int(place)]) }

  /// Places of an expert's rows in the sorted order; experts that are here are numbered from 0.
  func rows(of expert: Int) -> Range<Int> {
    precondition(expert >= 0 && expert < expertCount, "expert \(expert) of \(expertCount)")
    return unsafe Int(start[expert])..<Int(start[expert + 1])
  }

  /// The row at a place of the sorted order.
  func row(at index: Int) -> Int {
    precondition(index >= 0 && index < count, "place \(index) of \(count)")
    return unsafe Int(source[index])
  }

  /// The output of a row's expert.
  enum Output {
    /// At a place of the sorted order.
    case here(Int)
    /// The row itself: the expert passes it on.
    case passed
    /// On another rank.
    case elsewhere
  }

  /// The output of a row's `choice`-th expert, and its weight.
  func choice(_ choice: Int, of row: Int) -> (output: Output, weight: Float) {
    let pair = row * topK + choice
    precondition(choice < topK && pair < pairCount, "choice \(choice) of row \(row)")
    let index = unsafe Int(place[pair])
    let output: Output =
      if index < count { .here(index) } else if unsafe place[pair] >= start[workingCount] { .passed } else {
        .elsewhere
      }
    return unsafe (output, weight[pair])
  }

  /// Numbers the work items of all experts that are here, one after another.
  @_lifetime(borrow step)
  func itemStarts(_ step: borrowing Step, _ itemCount: (_ expert: Int, _ rows: Int) -> Int) -> ExpertItems {
    ExpertItems(expertCount: expertCount, step) { expert in
      let rows = rows(of: expert).count
      return rows > 0 ? itemCount(expert, rows) : 0
    }
  }
}

/// Work items of all experts, numbered one after another, in the step's scratch.
@safe struct ExpertItems: ~Escapable {
  private let starts: UnsafeMutablePointer<Int32>
  private let expertCount: Int

  /// Numbers the items of experts that have `itemCount` of them each.
  @_lifetime(borrow step)
  init(expertCount: Int, _ step: borrowing Step, itemCount: (_ expert: Int) -> Int) {
    self.expertCount = expertCount
    unsafe starts = step.scratch.take(expertCount + 1, of: Int32.self)
    unsafe starts[0] = 0
    for expert in 0..<expertCount { unsafe starts[expert + 1] = starts[expert] + Int32(itemCount(expert)) }
  }

  /// The number of items of all experts.
  var total: Int { unsafe Int(starts[expertCount]) }

  /// The expert whose item has this number, and the item's number within the expert.
  func locate(_ item: Int) -> (expert: Int, item: Int) {
    var (low, high) = (0, expertCount)
    while high - low > 1 {
      let middle = (low + high) / 2
      if unsafe Int(starts[middle]) <= item { low = middle } else { high = middle }
    }
    return unsafe (low, item - Int(starts[low]))
  }
}
