public import InferCore

/// Mixers side by side on one input: `out = Σ outputScale · mixer(inputScale · x)`.
public struct SumOfMixers: Mixer {
  /// One of the mixers, with factors on its input and its output.
  public struct Branch: Sendable {
    /// The mixer.
    public let mixer: any Mixer
    /// The factor on its input.
    public var inputScale: Float = 1
    /// The factor on its output.
    public var outputScale: Float = 1

    /// A mixer and the factors on its input and its output.
    public init(mixer: any Mixer, inputScale: Float = 1, outputScale: Float = 1) {
      self.mixer = mixer
      self.inputScale = inputScale
      self.outputScale = outputScale
    }
  }

  let branches: [Branch]

  /// A sum of at least one mixer.
  public init(branches: [Branch]) {
    precondition(!branches.isEmpty, "a sum of no mixers")
    self.branches = branches
  }

  /// `P`
  public var letter: Character { "P" }
  /// The sum of the mixers'.
  public var idleParameterCount: Int { branches.reduce(0) { $0 + $1.mixer.idleParameterCount } }
  /// `true` where all mixers are.
  public var isDivisible: Bool { branches.allSatisfy(\.mixer.isDivisible) }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    run(branches[0], x, into: &out, step)
    scale(&out, by: branches[0].outputScale, step)
    for branch in branches.dropFirst() {
      var part = step.take(rows: x.count, columns: out.columns)
      run(branch, x, into: &part, step)
      add(part.rows, scale: branch.outputScale, to: &out, step)
    }
  }

  private func run(_ branch: Branch, _ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    guard branch.inputScale != 1 else { return branch.mixer.mix(x, into: &out, step) }
    var scaled = step.take(rows: x.count, columns: x.columns)
    assign(x, scale: branch.inputScale, to: &scaled, step)
    branch.mixer.mix(scaled.rows, into: &out, step)
  }
}
