public import InferCore

/// A short convolution, causal, depthwise and without activation, whose input is added to its output (Inkling):
/// `scale · (x + conv(x))`.
public struct ResidualConvolution: Sendable {
  /// Channels that are convolved with those of others, and their weights.
  struct Part {
    /// The scope of `conv1d.weight`, `[channels × 1 × taps]`.
    let weights: WeightScope
    /// The number of channels.
    let channels: Int
    /// Those that are wanted.
    let range: Range<Int>
  }

  /// `[taps × channels]`. The tap of a row itself is one more than on disk, which adds the row.
  let weight: [Float]
  let channels: Int
  let taps: Int
  private var history: StateHandle

  /// Reads `conv1d.weight`, `[channels × 1 × taps]`, and declares the state: the last `taps − 1` rows.
  ///
  /// - Parameters:
  ///   - weights: the scope of the convolution.
  ///   - channels: the number of channels.
  ///   - taps: the number of taps.
  ///   - scale: the factor on the output.
  ///   - state: the layout that gets the state.
  public init(
    _ weights: WeightScope, channels: Int, taps: Int, scale: Float = 1, state: inout StateLayout
  ) throws(ModelError) {
    try self.init(
      [Part(weights: weights, channels: channels, range: 0..<channels)], taps: taps, scale: scale, state: &state)
  }

  /// Reads the convolutions of channels that stand side by side as one.
  init(_ parts: [Part], taps: Int, scale: Float = 1, state: inout StateLayout) throws(ModelError) {
    let channels = parts.reduce(0) { $0 + $1.range.count }
    var weight: [Float] = []
    weight.reserveCapacity(taps * channels)
    var read: [[Float]] = []
    for part in parts {
      read.append(try part.weights.convolution("conv1d.weight", channels: part.channels, taps: taps))
    }
    for tap in 0..<taps {
      let own: Float = tap == taps - 1 ? 1 : 0
      for (part, values) in zip(parts, read) {
        weight += part.range.map { scale * (values[tap * part.channels + $0] + own) }
      }
    }
    self.weight = weight
    self.channels = channels
    self.taps = taps
    history = state.add(.recurrent(count: (taps - 1) * channels), stage: parts[0].weights.stage)
  }

  /// The same convolution with a state of its own, which a stage has.
  func withOwnState(_ state: inout StateLayout, stage: Int) -> Self {
    var copy = self
    copy.history = state.add(.recurrent(count: (taps - 1) * channels), stage: stage)
    return copy
  }

  /// Convolves all rows of the step in place, `[step rows × channels]`.
  func apply(to x: inout MutableRows, _ step: borrowing Step) {
    var inputs = step.take(rows: x.count, columns: channels)
    assign(x.rows, scale: 1, to: &inputs, step)
    causalConvolution(
      inputs.rows, weight: weight, bias: nil, taps: taps, silu: false, history: history, into: &x, step)
  }
}

/// A mixer whose output is convolved before it is added to the residual stream.
public struct ConvolvedMixer: Mixer {
  let mixer: any Mixer
  let convolution: ResidualConvolution

  /// A mixer and the convolution behind it.
  public init(_ mixer: any Mixer, _ convolution: ResidualConvolution) {
    self.mixer = mixer
    self.convolution = convolution
  }

  /// The mixer's.
  public var letter: Character { mixer.letter }
  /// The mixer's.
  public var idleParameterCount: Int { mixer.idleParameterCount }
  /// The mixer's: the convolution of a sum is the sum of convolutions, each with its rank's history.
  public var isDivisible: Bool { mixer.isDivisible }

  /// Computes the mixer on all rows, and convolves its output.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    mixer.mix(x, into: &out, step)
    convolution.apply(to: &out, step)
  }
}
