public import InferCore

/// The second half of a layer with experts beside two networks and an attention (shortcut-connected mixture of experts: Cai et
/// al. 2024, arXiv 2404.05019; LongCat-Flash, arXiv 2509.01322, §2.3): experts see what the first network sees, and what
/// they make of it is added behind the last block.
public struct ShortcutBlock: Block {
  let norm: any Norm
  let network: any Mixer
  let experts: any Mixer
  /// The blocks beside the experts, behind the first network.
  let rest: [any Block]

  /// A block of its parts.
  ///
  /// - Parameters:
  ///   - norm: the norm before the first network and the experts.
  ///   - network: the first network.
  ///   - experts: the experts.
  ///   - rest: the blocks behind the network, before the experts' output is added.
  public init(norm: any Norm, network: any Mixer, experts: any Mixer, rest: [any Block]) {
    self.norm = norm
    self.network = network
    self.experts = experts
    self.rest = rest
  }

  /// The network's.
  public var letter: Character { network.letter }
  /// The network's and those of what follows it.
  public var letters: String { String(network.letter) + rest.map(\.letters).joined() }
  /// The experts' and those of all blocks.
  public var idleParameterCount: Int { experts.idleParameterCount + rest.reduce(0) { $0 + $1.idleParameterCount } }

  /// `true` where all of its parts are.
  public var isDivisible: Bool { network.isDivisible && experts.isDivisible && rest.allSatisfy(\.isDivisible) }

  /// Computes on all rows of the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: h.columns)
    norm.apply(h.rows, into: &x, step)
    var shortcut = step.take(rows: h.count, columns: h.columns)
    experts.mix(x.rows, into: &shortcut, step)
    var y = step.take(rows: h.count, columns: h.columns)
    network.mix(x.rows, into: &y, step)
    sumOverRanks(&y, step)
    add(y.rows, to: &h, step)
    for block in rest {
      step.scoped { block.apply(to: &h, step) }
    }
    sumOverRanks(&shortcut, step)
    add(shortcut.rows, to: &h, step)
  }
}
