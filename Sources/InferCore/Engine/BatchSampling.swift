/// The use of a row of logits.
enum RowUse {
  /// The next token is chosen from it.
  case choose(Sampler)
  /// It scores a token of the prompt, and `top` of the most likely ones.
  case score(Int32, top: Int)
  /// It has none: the prompt was only to be read.
  case nothing
}

/// The result of a row of logits.
enum RowResult {
  /// A token was chosen, behind which others must come.
  case chosen(GeneratedToken, forced: [Int32])
  case scored(PromptTokenScore)
  case nothing
  /// The row is no distribution, or leaves no token to choose.
  case failed(FinishReason)
}

/// Uses a step's rows of logits up, in parallel where it pays.
struct BatchSampling {
  /// The result of each row.
  private(set) var results: [RowResult] = []
  private var uses: [RowUse] = []
  /// The memory of each thread.
  private let workspaces: [SamplingWorkspace]

  init(workers: Int) { workspaces = (0..<workers).map { _ in SamplingWorkspace() } }

  /// The number of tokens that were generated.
  var generatedCount: Int {
    results.reduce(0) { if case .chosen(_, let forced) = $1 { $0 + 1 + forced.count } else { $0 } }
  }

  mutating func removeAll() {
    results.removeAll(keepingCapacity: true)
    uses.removeAll(keepingCapacity: true)
  }

  /// Adds the use of the next row.
  mutating func append(_ use: RowUse) {
    uses.append(use)
    results.append(.nothing)
  }

  /// Uses the logits up, one row for each use.
  mutating func run(_ logits: inout MutableRows, _ team: ThreadTeam) {
    precondition(logits.count == uses.count, "\(logits.count) rows for \(uses.count) uses")
    guard logits.count > 1, logits.count * logits.columns >= Self.parallelThreshold else {
      for row in uses.indices {
        var values = logits.row(row)
        results[row] = Self.result(uses[row], &values, workspaces[0])
      }
      return
    }
    let (base, stride, columns) = unsafe (logits.base, logits.stride, logits.columns)
    let (uses, workspaces) = (uses, workspaces)
    unsafe results.withUnsafeMutableBufferPointer { results in
      unsafe team.forEach(uses.count) { row, worker in
        // Rows, samplers and results of different rows are disjoint.
        var values = unsafe MutableSpan(_unsafeStart: base + row * stride, count: columns)
        unsafe results[row] = Self.result(uses[row], &values, workspaces[worker])
      }
    }
  }

  private static func result(
    _ use: RowUse, _ row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace
  ) -> RowResult {
    switch use {
    case .choose(let sampler):
      sampler.next(&row, workspace).map { .chosen($0, forced: sampler.forcedTokens(below: row.count)) }
        ?? .failed(sampler.failure)
    case .score(let token, let count):
      PromptTokenScore(token, in: row.span, count: count, workspace).map(RowResult.scored) ?? .failed(.notFinite)
    case .nothing: .nothing
    }
  }

  /// Logits below which waking the team costs more than it saves.
  private static let parallelThreshold = 1 << 14
}
