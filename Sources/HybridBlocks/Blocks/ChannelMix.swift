public import InferCore

/// RWKV's feed-forward network: ReLU² between two maps, of a token's row mixed with the row before it; with a receptance
/// (RWKV 6) times its sigmoid (Peng et al. 2024, arXiv 2404.05892, §4.3; 2503.14456, §4).
public struct ChannelMix: Mixer {
  let shift: TokenShift
  /// How much of the row before is in what the map sees.
  let keyMix: [Float]
  let network: FeedForward
  /// The gate on the output, and how much of the row before is in what it sees.
  let receptance: (mix: [Float], map: Linear)?

  /// A network of its parts; declares its state, a row.
  init(
    width: Int, keyMix: [Float], network: FeedForward, receptance: (mix: [Float], map: Linear)? = nil,
    state layout: inout StateLayout, stage: Int
  ) {
    shift = TokenShift(width: width, state: &layout, stage: stage)
    self.keyMix = keyMix
    self.network = network
    self.receptance = receptance
  }

  /// `true`: the network by its inner columns. The gate, which weighs what any rank adds, is whole on all ranks.
  public var isDivisible: Bool { network.isDivisible }

  /// `F`
  public var letter: Character { "F" }

  /// Computes the network on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var difference = step.take(rows: x.count, columns: x.columns)
    shift.apply(x, into: &difference, step)
    var mixed = step.take(rows: x.count, columns: x.columns)
    addProduct(x, difference.rows, by: keyMix, into: &mixed, step)
    network.mix(mixed.rows, into: &out, step)
    guard let receptance else { return }
    addProduct(x, difference.rows, by: receptance.mix, into: &mixed, step)
    var gate = step.take(rows: x.count, columns: x.columns)
    receptance.map.apply(mixed.rows, into: &gate, step)
    sigmoidGate(&out, gate: gate.rows, step)
  }
}
