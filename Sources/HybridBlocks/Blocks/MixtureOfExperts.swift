public import InferCore

/// A mixture of experts: a router, routed experts, and optionally a shared expert that every row
/// passes through, gated or not. Routed experts may work in a latent space of their own, between two projections.
public struct MixtureOfExperts: Mixer {
  /// `[experts × width]`.
  let router: Linear
  let selection: ExpertSelection
  let experts: Experts
  /// Added to the routed experts' sum.
  public var shared: FeedForward?
  /// `[1 × width]`: the logit of the shared expert's weight, where it has one.
  public var sharedGate: Linear?
  /// Into and out of the experts' own width.
  public var latent: (down: Linear, up: Linear)?
  /// The norm of the experts' sum in their own width, and the rank's columns of it, which alone the map out is from; `nil` for
  /// none (Kimi K3).
  var latentNorm: (norm: RMSNorm, columns: Range<Int>)?

  /// A mixture of its parts.
  ///
  /// - Parameters:
  ///   - router: the map to the experts' logits, `[experts × width]`, of the role `MatrixRole.exact`.
  ///   - selection: the rule by which experts are chosen.
  ///   - experts: the routed experts.
  ///   - shared: the expert that every row passes through; `nil` for none.
  ///   - sharedGate: `[1 × width]`, the logit of the shared expert's weight; `nil` for a weight of 1.
  ///   - latent: maps into and out of the routed experts' width, where that is not the stream's.
  public init(
    router: Linear, selection: ExpertSelection, experts: Experts, shared: FeedForward? = nil, sharedGate: Linear? = nil,
    latent: (down: Linear, up: Linear)? = nil
  ) {
    precondition(
      experts.count + selection.passingCount == selection.expertCount,
      "\(experts.count) experts, \(selection.expertCount) to choose from")
    precondition(
      selection.alwaysCount == 0 || selection.passingCount == 0 && selection.alwaysCount < selection.topK,
      "\(selection.alwaysCount) of \(selection.topK) experts that are always chosen")
    self.router = router
    self.selection = selection
    self.experts = experts
    self.shared = shared
    self.sharedGate = sharedGate
    self.latent = latent
  }

  /// `F`
  public var letter: Character { "F" }
  /// The weights of the experts that a row is not sent to.
  public var idleParameterCount: Int { max(0, experts.count - selection.topK) * experts.parameterCountOfOne }

  /// `true`: by experts, and the shared one by its inner columns. Not with a bias behind the sum of all experts.
  public var isDivisible: Bool {
    latent?.up.bias == nil && experts.numbers.count < experts.count && shared?.isDivisible != false
  }

  /// Computes the mixture on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var logits = step.take(rows: x.count, columns: selection.expertCount)
    router.apply(x, into: &logits, step)
    if let latent {
      var input = step.take(rows: x.count, columns: latent.down.outputWidth)
      latent.down.apply(x, into: &input, step)
      var mixed = step.take(rows: x.count, columns: latent.down.outputWidth)
      mixExperts(input.rows, logits: &logits, selection, experts, into: &mixed, step)
      if let latentNorm {
        sumOverRanks(&mixed, step)
        latentNorm.norm.applyToHeads(of: &mixed, step)
        latent.up.apply(mixed.rows.columns(latentNorm.columns), into: &out, step)
      } else {
        latent.up.apply(mixed.rows, into: &out, step)
      }
    } else {
      mixExperts(x, logits: &logits, selection, experts, into: &out, step)
    }
    if let shared {
      var common = step.take(rows: x.count, columns: out.columns)
      shared.mix(x, into: &common, step)
      if let sharedGate {
        var logit = step.take(rows: x.count, columns: 1)
        sharedGate.apply(x, into: &logit, step)
        sigmoidGate(&common, gate: logit.rows, step)
      }
      add(common.rows, to: &out, step)
    }
  }
}

extension MixtureOfExperts {
  /// Reads a router and experts gated by SiLU that stand one by one, `experts.E.{gate_proj,up_proj,down_proj}`.
  ///
  /// - Parameters:
  ///   - weights: The layer's tensors.
  ///   - router: The router's name within the layer's, of `[experts × width]`.
  ///   - selection: The rule by which experts are chosen.
  ///   - width: The width of the residual stream.
  ///   - hidden: The inner width of an expert.
  ///   - names: The names of an expert's matrices.
  ///   - shared: The expert that every row passes through; `nil` for none.
  ///   - layer: The layer's number in the model.
  public init(
    _ weights: WeightScope, router: String, selection: ExpertSelection, width: Int, hidden: Int,
    names: GatedNames = .projections, shared: FeedForward? = nil, layer: Int
  ) throws(ModelError) {
    self.init(
      router: try Linear(
        weights[router], input: width, output: selection.expertCount, role: .exact),
      selection: selection,
      experts: try Experts(
        weights["experts"], count: selection.expertCount, width: width, hidden: hidden, activation: .siluGated,
        names: names, layer: layer),
      shared: shared)
  }
}
