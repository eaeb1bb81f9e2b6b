public import InferCore

/// A block of the residual stream alone, where rows have other columns beside it.
public struct StreamBlock: Block {
  let block: any Block
  let width: Int

  /// A block that sees the first columns.
  public init(_ block: any Block, width: Int) {
    self.block = block
    self.width = width
  }

  /// The block's.
  public var letter: Character { block.letter }
  /// The block's.
  public var letters: String { block.letters }
  /// The block's.
  public var idleParameterCount: Int { block.idleParameterCount }
  /// The block's.
  public var isDivisible: Bool { block.isDivisible }

  /// Computes on the stream of all rows.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var stream = h.columns(0..<width)
    block.apply(to: &stream, step)
  }
}

/// A network and experts side by side, each with norms of its own (Gemma 4):
/// `h += norm₃(norm₁(network(norm(h))) + norm₂(experts(norm′(h))))`, where the router sees `router(h)`.
public struct NetworkBesideExperts: Block {
  /// The norms, in the order of their use.
  struct Norms: Sendable {
    let network: RMSNorm
    let networkOutput: RMSNorm
    let router: RMSNorm
    let experts: RMSNorm
    let expertsOutput: RMSNorm
    let output: RMSNorm
  }

  let norms: Norms
  let network: FeedForward
  let router: Linear
  let selection: ExpertSelection
  let experts: Experts

  /// `F`
  public var letter: Character { "F" }
  /// The weights of the experts that a row is not sent to.
  public var idleParameterCount: Int { (experts.count - selection.topK) * experts.parameterCountOfOne }
  /// `true`: the network by its inner columns, and by experts.
  public var isDivisible: Bool { network.isDivisible }

  /// Computes on all rows of the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: h.columns)
    norms.network.apply(h.rows, into: &x, step)
    var sum = step.take(rows: h.count, columns: h.columns)
    network.mix(x.rows, into: &sum, step)
    sumOverRanks(&sum, step)
    norms.networkOutput.applyToHeads(of: &sum, step)
    norms.router.apply(h.rows, into: &x, step)
    var logits = step.take(rows: h.count, columns: selection.expertCount)
    router.apply(x.rows, into: &logits, step)
    norms.experts.apply(h.rows, into: &x, step)
    var mixed = step.take(rows: h.count, columns: h.columns)
    mixExperts(x.rows, logits: &logits, selection, experts, into: &mixed, step)
    sumOverRanks(&mixed, step)
    norms.expertsOutput.applyToHeads(of: &mixed, step)
    add(mixed.rows, to: &sum, step)
    norms.output.applyToHeads(of: &sum, step)
    add(sum.rows, to: &h, step)
  }
}
