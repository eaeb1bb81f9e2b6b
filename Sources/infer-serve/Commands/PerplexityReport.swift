import Foundation
import HybridBlocks
import InferCore
import InferText

/// Prints how well a model predicts a text.
struct PerplexityReport {
  let model: LoadedModel
  let reference: LoadedModel?
  let windows: TextWindows
  /// Windows that were read.
  let windowCount: Int
  let score: TextScore
  let referenceScore: TextScore?
  let divergence: Divergence

  /// For people.
  var text: String {
    var lines = [
      ("model", "\(model.name) \(model.summary.mainFormat)"),
      ("text", "\(windowCount) windows of \(windows.context) tokens, \(score.count) tokens scored"),
      ("perplexity", Self.text(score)),
    ]
    if let reference, let referenceScore {
      lines += [
        ("reference", "\(reference.name) \(reference.summary.mainFormat)"), ("perplexity", Self.text(referenceScore)),
        (
          "divergence",
          String(
            format: "mean %.6f ± %.6f, 99 %% below %.6f, most %.6f nats", divergence.mean, divergence.error,
            divergence.percentile99, divergence.most)
        ), ("same top", String(format: "%.2f %%", divergence.sameTop * 100)),
      ]
    }
    return lines.map { label, value in
      label + String(repeating: " ", count: 12 - label.count) + value + "\n"
    }.joined()
  }

  private static func text(_ score: TextScore) -> String {
    String(format: "%.4f ± %.4f", score.perplexity, score.error)
  }

  /// For programs.
  var json: JSONValue {
    var members: JSONObject = [
      "windows": .integer(windowCount), "context": .integer(windows.context),
      "stride": windows.stride.map(JSONValue.integer) ?? .null, "tokens": .integer(windows.tokens.count),
      "scored_tokens": .integer(score.count), "model": Self.json(model, score),
    ]
    if let reference, let referenceScore {
      members["reference"] = Self.json(reference, referenceScore)
      members["divergence"] = [
        "mean": .number(divergence.mean), "error": .number(divergence.error),
        "percentile_99": .number(divergence.percentile99), "most": .number(divergence.most),
        "same_top": .number(divergence.sameTop),
      ]
    }
    return .object(members)
  }

  private static func json(_ model: LoadedModel, _ score: TextScore) -> JSONValue {
    [
      "name": .string(model.name), "format": .string(model.summary.mainFormat),
      "weights_bytes": .integer(model.summary.weightBytes), "perplexity": .number(score.perplexity),
      "perplexity_error": .number(score.error), "mean_negative_log_likelihood": .number(score.mean),
    ]
  }
}

extension ModelSummary {
  /// The format that most weights have.
  var mainFormat: String {
    formats.max { ($0.parameterCount, $1.name) < ($1.parameterCount, $0.name) }?.name ?? ""
  }
}
