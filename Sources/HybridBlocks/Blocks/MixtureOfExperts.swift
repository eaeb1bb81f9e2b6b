internal import InferCore

/// A mixture of experts: a router, routed experts, and optionally a shared expert that every row
/// passes through, gated or not. Routed experts may work in a latent space of their own, between two projections.
struct MixtureOfExperts: Mixer {
  /// `[experts × width]`.
  let router: Linear
  let selection: ExpertSelection
  let experts: Experts
  /// Added to the routed experts' sum.
  var shared: FeedForward?
  /// `[1 × width]`: the logit of the shared expert's weight, where it has one.
  var sharedGate: Linear?
  /// Into and out of the experts' own width.
  var latent: (down: Linear, up: Linear)?
  /// The layer's number in metrics.
  let layer: Int

  var letter: Character { "F" }
  var idleParameterCount: Int { (experts.count - selection.topK) * experts.parameterCountOfOne }

  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var logits = step.take(rows: x.count, columns: experts.count)
    router.apply(x, into: &logits, step)
    if let latent {
      var input = step.take(rows: x.count, columns: latent.down.outputWidth)
      latent.down.apply(x, into: &input, step)
      var mixed = step.take(rows: x.count, columns: latent.down.outputWidth)
      mixExperts(input.rows, logits: &logits, selection, experts, into: &mixed, layer: layer, step)
      latent.up.apply(mixed.rows, into: &out, step)
    } else {
      mixExperts(x, logits: &logits, selection, experts, into: &out, layer: layer, step)
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
