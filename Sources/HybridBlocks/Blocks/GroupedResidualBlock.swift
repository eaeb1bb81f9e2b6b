public import InferCore

/// The lanes of a stream that is summed up in groups of layers (Inkling 2, Kimi K3): the first is the sum of the group that is
/// being computed, and the others those of earlier groups, of which the first is the embedding. They end as what a query of the
/// model finds among them.
public struct GroupLanes: StreamLanes {
  /// The number of lanes: one more than groups.
  public let count: Int
  let query: [Float]
  var search = LaneSearch()

  /// The number of lanes of so many layers.
  static func count(layers: Int, groupSize: Int) -> Int { (layers - 1) / groupSize + 2 }

  /// Leaves nothing in lanes of groups to come.
  public func begin(_ stream: inout MutableRows, _ step: borrowing Step) {
    guard count > 1 else { return }
    var others = stream.columns(stream.columns / count..<stream.columns)
    assign(0, to: &others, step)
  }

  /// Attends to all lanes.
  public func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    search(stream, query, width: out.columns, into: &out, step)
  }
}

/// A block of such a stream: its inputs are what queries of the block find among the lanes, each with a norm, and the output of
/// its mixer, which may be convolved, is added to the first lane, or begins another group there.
public struct GroupedResidualBlock: Block {
  /// The operation inside a block.
  enum Content: Sendable {
    case attention(ClippedAttention)
    case mixer(any Mixer)
  }

  /// What an earlier pass through a loop has to say to a block.
  struct Messages: Sendable {
    /// The columns of the earlier pass's sums, beside the stream.
    let sums: Range<Int>
    /// `[inputs × width]`: what each message is sought by among them.
    let queries: [Float]
    /// One an input.
    let gates: [MessageGate]
  }

  let width: Int
  /// The number of lanes that are there before it.
  let lanes: Int
  /// `[inputs × width]`; `nil` where all inputs are the first lane.
  private(set) var queries: [Float]?
  /// One an input.
  private(set) var norms: [any Norm]
  private(set) var content: Content
  private(set) var convolution: ResidualConvolution?
  /// Whether the first lane, as it is before the block, is kept as another, and begins anew.
  let beginsGroup: Bool
  /// Taken up by inputs before their norms; `nil` for none.
  private(set) var messages: Messages?
  private let search: LaneSearch

  /// A block of its parts.
  init(
    width: Int, lanes: Int, queries: [Float]?, norms: [any Norm], content: Content,
    convolution: ResidualConvolution? = nil, beginsGroup: Bool, search: LaneSearch = LaneSearch()
  ) {
    self.search = search
    self.width = width
    self.lanes = lanes
    self.queries = queries
    self.norms = norms
    self.content = content
    self.convolution = convolution
    self.beginsGroup = beginsGroup
  }

  /// The block in another pass through its loop, with the same weights and a state of its own.
  func inAnotherPass(_ messages: Messages, state: inout StateLayout, stage: Int) -> Self {
    precondition(queries != nil, "a loop that begins with the embedding")
    var copy = self
    // One input for all becomes one for each message.
    let count = messages.gates.count / norms.count
    copy.queries = queries.map { Array(repeating: $0, count: count).flatMap { $0 } }
    copy.norms = Array(repeating: norms, count: count).flatMap { $0 }
    copy.messages = messages
    if case .attention(let attention) = content {
      copy.content = .attention(attention.withOwnState(&state, stage: stage))
    }
    copy.convolution = convolution?.withOwnState(&state, stage: stage)
    return copy
  }

  /// `A` for attention, else the mixer's.
  public var letter: Character {
    switch content {
    case .attention: "A"
    case .mixer(let mixer): mixer.letter
    }
  }
  /// The mixer's.
  public var idleParameterCount: Int {
    switch content {
    case .attention: 0
    case .mixer(let mixer): mixer.idleParameterCount
    }
  }
  /// `true` for attention, by heads, else the mixer's.
  public var isDivisible: Bool {
    switch content {
    case .attention: true
    case .mixer(let mixer): mixer.isDivisible
    }
  }

  /// `true` in a later pass through a loop.
  public var usesOtherLayers: Bool { messages != nil }

  /// Computes on all rows of the step.
  ///
  /// - Parameters:
  ///   - h: `[step rows × lanes · width]`, and beside the lanes what earlier passes through a loop came to.
  ///   - step: the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: norms.count * width)
    seek(h.rows, into: &x, step)
    var y = step.take(rows: h.count, columns: width)
    switch content {
    case .attention(let attention): attention.mix(x.rows, into: &y, step)
    case .mixer(let mixer): mixer.mix(x.rows, into: &y, step)
    }
    convolution?.apply(to: &y, step)
    sumOverRanks(&y, step)
    if beginsGroup {
      var sum = step.take(rows: h.count, columns: width)
      assign(h.rows.columns(0..<width), scale: 1, to: &sum, step)
      var kept = h.columns(lanes * width..<(lanes + 1) * width)
      assign(sum.rows, scale: 1, to: &kept, step)
    }
    var first = h.columns(0..<width)
    if beginsGroup { assign(y.rows, scale: 1, to: &first, step) } else { add(y.rows, to: &first, step) }
  }

  /// The inputs, normalised.
  private func seek(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var found = step.take(rows: stream.count, columns: norms.count * width)
    if let queries {
      search(stream.columns(0..<lanes * width), queries, width: width, into: &found, step)
    } else {
      for index in norms.indices {
        var input = found.columns(index * width..<(index + 1) * width)
        assign(stream.columns(0..<width), scale: 1, to: &input, step)
      }
    }
    if let messages { takeUp(messages, from: stream, into: &found, step) }
    for (index, norm) in norms.enumerated() {
      let columns = index * width..<(index + 1) * width
      var input = out.columns(columns)
      norm.apply(found.rows.columns(columns), into: &input, step)
    }
  }

  /// Has each input take up its message.
  private func takeUp(
    _ messages: Messages, from stream: Rows, into inputs: inout MutableRows, _ step: borrowing Step
  ) {
    var said = step.take(rows: stream.count, columns: messages.queries.count)
    search(stream.columns(messages.sums), messages.queries, width: width, into: &said, step)
    for (index, gate) in messages.gates.enumerated() {
      let columns = (index..<index + 1).columns(width)
      var input = inputs.columns(columns)
      step.scoped { gate.apply(to: &input, message: said.rows.columns(columns), step) }
    }
  }
}
