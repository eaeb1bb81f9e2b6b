/// Chooses the tokens of a step, in parallel where it pays.
struct BatchSampling {
  /// The token chosen from each row; `nil` when there was none to choose.
  private(set) var tokens: [GeneratedToken?] = []
  private var samplers: [Sampler] = []
  /// One for each thread.
  private let workspaces: [SamplingWorkspace]

  init(workers: Int) { workspaces = (0..<workers).map { _ in SamplingWorkspace() } }

  mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    samplers.removeAll(keepingCapacity: true)
  }

  /// Adds the sampler of the next row.
  mutating func append(_ sampler: Sampler) {
    samplers.append(sampler)
    tokens.append(nil)
  }

  /// Uses the logits up, one row for each sampler.
  mutating func run(_ logits: inout MutableRows, _ team: ThreadTeam) {
    precondition(logits.count == samplers.count, "\(logits.count) rows for \(samplers.count) samplers")
    guard logits.count > 1, logits.count * logits.columns >= Self.parallelThreshold else {
      for row in samplers.indices {
        var values = logits.row(row)
        tokens[row] = samplers[row].next(&values, workspaces[0])
      }
      return
    }
    let (base, stride, columns) = unsafe (logits.base, logits.stride, logits.columns)
    let (samplers, workspaces) = (samplers, workspaces)
    unsafe tokens.withUnsafeMutableBufferPointer { tokens in
      team.forEach(samplers.count) { row, worker in
        // Rows, samplers and results of different rows are disjoint.
        var values = unsafe MutableSpan(_unsafeStart: base + row * stride, count: columns)
        unsafe tokens[row] = samplers[row].next(&values, workspaces[worker])
      }
    }
  }

  /// Logits below which waking the team costs more than it saves.
  private static let parallelThreshold = 1 << 14
}
