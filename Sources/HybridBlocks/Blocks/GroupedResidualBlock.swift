public import InferCore

/// The lanes of a stream that is summed up in groups of layers (Inkling 2): the first is the sum of the group that is being
/// computed, and the others those of earlier groups, of which the first is the embedding. They end as what a query of the model
/// finds among them.
public struct GroupLanes: StreamLanes {
  /// The number of lanes: one more than groups.
  public let count: Int
  let query: [Float]

  /// Leaves nothing in lanes of groups to come.
  public func begin(_ stream: inout MutableRows, _ step: borrowing Step) {
    guard count > 1 else { return }
    var others = stream.columns(stream.columns / count..<stream.columns)
    assign(0, to: &others, step)
  }

  /// Attends to all lanes.
  public func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    attendToLanes(stream, queries: query, width: out.columns, epsilon: 1e-6, into: &out, step)
  }
}

/// A block of such a stream: its inputs are what queries of the block find among the lanes, each with a norm, and the output of
/// its mixer, convolved, is added to the first lane, or begins another group there.
public struct GroupedResidualBlock: Block {
  /// The operation inside a block.
  enum Content: Sendable {
    case attention(ClippedAttention)
    case mixer(any Mixer)
  }

  let width: Int
  /// The number of lanes that are there before it.
  let lanes: Int
  /// `[inputs × width]`; `nil` where all inputs are the first lane.
  let queries: [Float]?
  /// One an input.
  let norms: [any Norm]
  let content: Content
  let convolution: ResidualConvolution
  /// Whether the first lane, as it is before the block, is kept as another, and begins anew.
  let beginsGroup: Bool

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

  /// Computes on all rows of the step.
  ///
  /// - Parameters:
  ///   - h: `[step rows × lanes · width]`.
  ///   - step: the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: norms.count * width)
    seek(h.rows, into: &x, step)
    var y = step.take(rows: h.count, columns: width)
    switch content {
    case .attention(let attention): attention.mix(x.rows, into: &y, step)
    case .mixer(let mixer): mixer.mix(x.rows, into: &y, step)
    }
    convolution.apply(to: &y, step)
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
      attendToLanes(
        stream.columns(0..<lanes * width), queries: queries, width: width, epsilon: 1e-6, into: &found, step)
    } else {
      for index in norms.indices {
        var input = found.columns(index * width..<(index + 1) * width)
        assign(stream.columns(0..<width), scale: 1, to: &input, step)
      }
    }
    for (index, norm) in norms.enumerated() {
      let columns = index * width..<(index + 1) * width
      var input = out.columns(columns)
      norm.apply(found.rows.columns(columns), into: &input, step)
    }
  }
}
