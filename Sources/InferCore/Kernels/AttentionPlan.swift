/// A tile of rows of a run and a range of keys that it attends to.
struct AttentionItem {
  /// The run's number in the step.
  let run: Int
  /// The first row, counted from the run's first.
  let first: Int
  /// The number of rows.
  let rows: Int
  let firstKey: Int
  let endKey: Int
  /// The number of parts that the keys of these rows are cut into; 1 when `keys` are all.
  let parts: Int
  /// The number of parts before this one.
  let part: Int
  /// The number of query rows, of one head, of the parts before this one.
  let rowsBefore: Int

  var keys: Range<Int> { firstKey..<endKey }
}

/// The work items of a step's attention, in the step's scratch: tiles of rows, and where a segment of a run has only one
/// tile, parts of its keys.
///
/// The cut depends on a segment's own lengths alone, never on the number of threads or the other runs, and parts are added
/// up in their order, so that results do not depend on the threads that compute them.
@safe struct AttentionPlan: ~Escapable {
  /// The number of items.
  let count: Int
  /// The number of query rows, of one head, of all parts.
  let partRows: Int
  private let base: UnsafeMutablePointer<AttentionItem>

  /// The maximum number of keys of a part: some tens of microseconds of work.
  private static let keysPerPart = 2048

  /// Cuts the segments of runs of `step` that are wanted, in its scratch.
  @_lifetime(borrow step)
  init(_ shape: AttentionShape, _ step: borrowing Step, isWanted: (Run, RunSegment) -> Bool) {
    let runs = step.plan.runs
    let pageTokens = shape.pages.pageTokens
    let keysPerPart = max(1, Self.keysPerPart / pageTokens) * pageTokens
    let tile = shape.rowsPerTile
    func parts(_ segment: RunSegment, of run: Run) -> Int {
      let position = run.position + segment.first - run.tokens.lowerBound
      let keys = position + segment.count - firstKey(position)
      return segment.count > tile ? 1 : max(1, (keys + keysPerPart - 1) / keysPerPart)
    }
    // The first key of a page that the row at a position sees something of.
    func firstKey(_ position: Int) -> Int { shape.firstKey(at: position) / pageTokens * pageTokens }
    var total = 0
    for run in runs {
      step.plan.forEachSegment(of: run) { segment in
        guard isWanted(run, segment) else { return }
        total += (segment.count + tile - 1) / tile * parts(segment, of: run)
      }
    }
    let items = unsafe step.scratch.take(total, of: AttentionItem.self)
    var (next, rowsBefore) = (0, 0)
    for index in runs.indices {
      let run = runs[index]
      step.plan.forEachSegment(of: run) { segment in
        guard isWanted(run, segment) else { return }
        let parts = parts(segment, of: run)
        for done in stride(from: 0, to: segment.count, by: tile) {
          let first = segment.first - run.tokens.lowerBound + done
          let rows = min(tile, segment.count - done)
          let (start, end) = (firstKey(run.position + first), run.position + first + rows)
          for part in 0..<parts {
            unsafe items[next] = AttentionItem(
              run: index, first: first, rows: rows, firstKey: start + part * keysPerPart,
              endKey: parts == 1 ? end : min(end, start + (part + 1) * keysPerPart), parts: parts, part: part,
              rowsBefore: rowsBefore)
            next += 1
            if parts > 1 { rowsBefore += rows * shape.group }
          }
        }
      }
    }
    count = total
    partRows = rowsBefore
    unsafe base = items
  }

  subscript(index: Int) -> AttentionItem {
    precondition(index >= 0 && index < count, "item \(index) of \(count)")
    return unsafe base[index]
  }
}
