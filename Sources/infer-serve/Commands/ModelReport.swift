import HybridBlocks
import InferCore
import OrderedCollections

/// What `inspect` tells of a model.
struct ModelReport {
  var name: String
  var summary: ModelSummary
  var contextLength: Int
  var vocabularySize: Int
  var hasTokenizer: Bool
  var hasChatTemplate: Bool
  /// Tensors with NaN or infinity, and how many.
  var nonFinite: [(name: String, count: Int)]

  /// For people.
  var text: String {
    var lines = [
      ("model", name), ("family", summary.family), ("layout", summary.layout),
      (
        "parameters",
        "\(Quantity.count(summary.parameterCount)), \(Quantity.count(summary.activeParameterCount)) active per token"
      ),
      ("vocabulary", "\(vocabularySize) tokens"), ("context", "\(contextLength) tokens"),
      ("weights", Quantity.mebibytes(summary.weightBytes)),
      ("KV", "\(summary.cacheBytesPerToken) bytes per token (f16)"),
      ("state", "\(summary.stateBytesPerSequence) bytes per sequence"),
      ("tokenizer", hasTokenizer ? "yes" : "none"), ("template", hasChatTemplate ? "yes" : "none"),
      ("unread", summary.unreadTensors.isEmpty ? "none" : summary.unreadTensors.joined(separator: ", ")),
      (
        "not finite",
        nonFinite.isEmpty ? "none" : nonFinite.map { "\($0.name) (\($0.count))" }.joined(separator: ", ")
      ),
    ]
    lines += summary.formats.map { ("format", $0.text) }
    lines += summary.warnings.map { ("warning", $0) }
    return lines.map { label, value in
      label + String(repeating: " ", count: 12 - label.count) + value + "\n"
    }.joined()
  }

  /// For programs.
  var json: JSONValue {
    let formats = summary.formats.map { share -> (String, JSONValue) in
      let counts: JSONValue = [
        "tensors": .integer(share.tensorCount), "parameters": .integer(share.parameterCount),
        "bytes": .integer(share.byteCount),
      ]
      return (share.name, counts)
    }
    return [
      "model": .string(name), "family": .string(summary.family), "layout": .string(summary.layout),
      "parameters": .integer(summary.parameterCount), "active_parameters": .integer(summary.activeParameterCount),
      "formats": .object(OrderedDictionary(uniqueKeysWithValues: formats)),
      "vocabulary_size": .integer(vocabularySize), "context_length": .integer(contextLength),
      "memory": [
        "weights_bytes": .integer(summary.weightBytes), "kv_bytes_per_token": .integer(summary.cacheBytesPerToken),
        "state_bytes_per_sequence": .integer(summary.stateBytesPerSequence),
      ],
      "tokenizer": .bool(hasTokenizer), "chat_template": .bool(hasChatTemplate),
      "unread_tensors": .array(summary.unreadTensors.map(JSONValue.string)),
      "non_finite_tensors": .array(
        nonFinite.map { ["tensor": .string($0.name), "count": .integer($0.count)] }),
      "warnings": .array(summary.warnings.map(JSONValue.string)),
    ]
  }
}
