/// Something that ranks other than 0 do with files of their own parts of state, beside rank 0's.
struct RankTask: Equatable {
  /// Names it among those of the job.
  let number: Int32
  let action: Action

  enum Action: Equatable {
    /// Write a prefix to a file: a record for each of some positions, which follow one another.
    case write(LentState, records: [Range<Int>], file: String)
    /// Read a prefix, from a position on, from files that hold it one behind another.
    case read(LentState, from: Int, files: [String])
    /// Remove files.
    case remove([String])
    /// Remove all files of state in a folder but those that rank 0 has.
    case keep([String], folder: String)
  }

  /// The state of a prefix as a ``PrefixLease`` has it.
  struct LentState: Equatable {
    var salt: [UInt8]
    var tokens, pages: [Int32]
    var positions, slots: [Int32]
    /// See `StateIdentity`.
    var isRounded: Bool

    init(_ lease: PrefixLease, isRounded: Bool) {
      (salt, tokens, pages, self.isRounded) = (lease.scope.salt, lease.tokens, lease.pages, isRounded)
      positions = lease.states.map { Int32($0.position) }
      slots = lease.states.map(\.slot)
    }

    /// The same on another rank.
    func lease() -> PrefixLease {
      PrefixLease(
        scope: CacheScope(salt: salt), tokens: tokens, pages: pages,
        states: zip(positions, slots).map { PrefixLease.State(position: Int($0), slot: $1) })
    }
  }

  /// What came of a task that writes or reads.
  enum Outcome: Equatable {
    case done
    /// Running sequences needed the memory.
    case takenBack
    case failed(String)
  }
}

// Tasks as words.
extension RankTask {
  func append(to words: inout [Int32]) {
    words.append(number)
    switch action {
    case .write(let state, let records, let file):
      words.append(0)
      state.append(to: &words)
      words.append(list: records.flatMap { [Int32($0.lowerBound), Int32($0.upperBound)] })
      words.append(text: file)
    case .read(let state, let first, let files):
      words.append(1)
      state.append(to: &words)
      words.append(Int32(first))
      words.append(texts: files)
    case .remove(let files):
      words.append(2)
      words.append(texts: files)
    case .keep(let files, let folder):
      words.append(3)
      words.append(texts: files)
      words.append(text: folder)
    }
  }

  init(_ reader: inout WordReader) throws(RankError) {
    number = try reader.next()
    switch try reader.next() {
    case 0:
      let state = try LentState(&reader)
      let (bounds, file) = (try reader.list(), try reader.text())
      var records: [Range<Int>] = []
      for index in stride(from: 0, to: bounds.count - 1, by: 2) {
        let (start, end) = (Int(bounds[index]), Int(bounds[index + 1]))
        guard 0 <= start, start <= end, end <= state.tokens.count else {
          throw reader.malformed("tokens \(start) ..< \(end)")
        }
        records.append(start..<end)
      }
      action = .write(state, records: records, file: file)
    case 1: action = .read(try LentState(&reader), from: Int(try reader.next()), files: try reader.texts())
    case 2: action = .remove(try reader.texts())
    case 3: action = .keep(try reader.texts(), folder: try reader.text())
    default: throw reader.malformed("no kind of task")
    }
  }
}

extension RankTask.LentState {
  fileprivate func append(to words: inout [Int32]) {
    for list in [salt.map(Int32.init), tokens, pages, positions, slots] { words.append(list: list) }
    words.append(isRounded ? 1 : 0)
  }

  fileprivate init(_ reader: inout WordReader) throws(RankError) {
    salt = try reader.list().map { UInt8(truncatingIfNeeded: $0) }
    (tokens, pages) = (try reader.list(), try reader.list())
    (positions, slots) = (try reader.list(), try reader.list())
    isRounded = try reader.next() != 0
    guard positions.count == slots.count else { throw reader.malformed("\(slots.count) slots of \(positions.count)") }
  }
}

/// What a rank tells of the tasks that it has done since it told last.
struct RankReport: Equatable {
  var outcomes: [(task: Int32, outcome: RankTask.Outcome)] = []

  static func == (a: RankReport, b: RankReport) -> Bool { a.outcomes.elementsEqual(b.outcomes) { $0 == $1 } }

  init() {}

  /// The report as bytes, which ``init(_:from:)`` reads; none for nothing.
  var bytes: [UInt8] {
    var words: [Int32] = []
    for (task, outcome) in outcomes {
      words.append(task)
      switch outcome {
      case .done: words.append(0)
      case .takenBack: words.append(1)
      case .failed(let reason):
        words.append(2)
        words.append(text: reason)
      }
    }
    return words.littleEndianBytes
  }

  /// Reads a rank's report.
  init(_ bytes: [UInt8], from rank: Int) throws(RankError) {
    var reader = WordReader(bytes, from: rank)
    while !reader.isAtEnd {
      let task = try reader.next()
      switch try reader.next() {
      case 0: outcomes.append((task, .done))
      case 1: outcomes.append((task, .takenBack))
      case 2: outcomes.append((task, .failed(try reader.text())))
      default: throw reader.malformed("no outcome of a task")
      }
    }
    try reader.end()
  }
}
