/// A message of rank 0 to the others: changes of the state, and a step to compute.
enum RankMessage {
  /// A step, after these changes of the state.
  case step([StateChange], StepPlan)
  /// Nothing to compute for now. Others hear that rank 0 is there.
  case pulse([StateChange])
  /// There will be nothing more.
  case end
}

/// A change of the state of all ranks outside steps.
enum StateChange: Equatable {
  /// A copy of all recurrent state of a slot, one of which may be cold.
  case copySlot(from: Int32, to: Int32)
  /// Memory that the system gets back.
  case giveBack(pages: [Int32], slots: [Int32])
  /// Something to do with files.
  case task(RankTask)
  /// The end of a task's loan of state: what it holds is needed for something else.
  case takeBack(task: Int32)
}

extension RankMessage {
  /// The message as bytes, which ``init(_:)`` reads. All numbers have 32 bits.
  var bytes: [UInt8] {
    var words: [Int32] = []
    switch self {
    case .step(let changes, let plan):
      words.append(Kind.step.rawValue)
      Self.append(changes, to: &words)
      plan.append(to: &words)
    case .pulse(let changes):
      words.append(Kind.pulse.rawValue)
      Self.append(changes, to: &words)
    case .end: words.append(Kind.end.rawValue)
    }
    return words.littleEndianBytes
  }

  /// Reads a message of rank 0.
  ///
  /// - Throws: ``RankError/malformed(rank:reason:)`` for bytes that are no message.
  init(_ bytes: [UInt8]) throws(RankError) {
    var reader = WordReader(bytes)
    switch Kind(rawValue: try reader.next()) {
    case .step:
      let changes = try Self.changes(&reader)
      self = .step(changes, try StepPlan(&reader))
    case .pulse: self = .pulse(try Self.changes(&reader))
    case .end: self = .end
    case nil: throw reader.malformed("no kind of message")
    }
    try reader.end()
  }

  private enum Kind: Int32 { case step, pulse, end }

  private static func append(_ changes: [StateChange], to words: inout [Int32]) {
    words.append(Int32(changes.count))
    for change in changes {
      switch change {
      case .copySlot(let source, let target): words += [0, source, target]
      case .giveBack(let pages, let slots):
        words.append(1)
        for indices in [pages, slots] { words.append(list: indices) }
      case .task(let task):
        words.append(2)
        task.append(to: &words)
      case .takeBack(let task): words += [3, task]
      }
    }
  }

  private static func changes(_ reader: inout WordReader) throws(RankError) -> [StateChange] {
    var changes: [StateChange] = []
    for _ in 0..<(try reader.count()) {
      switch try reader.next() {
      case 0: changes.append(.copySlot(from: try reader.next(), to: try reader.next()))
      case 1: changes.append(.giveBack(pages: try reader.list(), slots: try reader.list()))
      case 2: changes.append(.task(try RankTask(&reader)))
      case 3: changes.append(.takeBack(task: try reader.next()))
      default: throw reader.malformed("no kind of change")
      }
    }
    return changes
  }
}

extension StepPlan {
  fileprivate func append(to words: inout [Int32]) {
    for list in [tokens, pages] { words.append(list: list) }
    words.append(Int32(captures.count))
    for capture in captures { words += [Int32(capture.rows), capture.slot] }
    words.append(Int32(pageCopies.count))
    for copy in pageCopies { words += [copy.source, copy.target, Int32(copy.tokens), Int32(copy.group)] }
    words.append(Int32(runs.count))
    for run in runs {
      let (kind, source): (Int32, Int32) =
        switch run.start {
        case .zero: (0, 0)
        case .slot: (1, 0)
        case .copy(let source): (2, source)
        }
      for range in [run.tokens, run.pages, run.captures, run.logits, run.hidden] {
        words += [Int32(range.lowerBound), Int32(range.upperBound)]
      }
      words += [Int32(run.position), run.slot, kind, source, run.adapter.map(Int32.init) ?? -1]
    }
  }

  fileprivate init(_ reader: inout WordReader) throws(RankError) {
    self.init()
    tokens = try reader.list()
    pages = try reader.list()
    for _ in 0..<(try reader.count()) {
      captures.append(StateCapture(rows: Int(try reader.next()), slot: try reader.next()))
    }
    for _ in 0..<(try reader.count()) {
      pageCopies.append(
        PageCopy(
          from: try reader.next(), to: try reader.next(), tokens: Int(try reader.next()), group: Int(try reader.next()))
      )
    }
    for index in 0..<(try reader.count()) {
      let rows = try reader.range(within: 0..<tokens.count)
      let ranges = (
        pages: try reader.range(within: 0..<pages.count), captures: try reader.range(within: 0..<captures.count),
        logits: try reader.range(within: rows), hidden: try reader.range(within: rows)
      )
      guard ranges.logits.isEmpty || ranges.logits.upperBound == rows.upperBound else {
        throw reader.malformed("logits that are no suffix of a run")
      }
      let (position, slot, kind, source, adapter) = (
        Int(try reader.next()), try reader.next(), try reader.next(), try reader.next(), Int(try reader.next())
      )
      runs.append(
        Run(
          sequence: index, tokens: rows, position: position, pages: ranges.pages, slot: slot,
          start: kind == 0 ? .zero : kind == 1 ? .slot : .copy(of: source), captures: ranges.captures,
          logits: ranges.logits, hidden: ranges.hidden, adapter: adapter < 0 ? nil : adapter))
    }
  }
}
