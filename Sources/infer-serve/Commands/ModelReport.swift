import HybridBlocks
import InferCore
import InferText

/// The report of `inspect` on a model.
struct ModelReport {
  var name: String
  /// The architecture of a GGUF file; `nil` for other files.
  var architecture: String?
  /// Files that hold tensors, and tensors in them.
  var fileCount: Int
  var tensorCount: Int
  var summary: ModelSummary
  var contextLength: Int
  var vocabularySize: Int
  var text: TextReport
  /// Tensors with NaN or infinity, and how many.
  var nonFinite: [(name: String, count: Int)]

  /// For people.
  var description: String {
    let files = "\(tensorCount) tensors in \(fileCount) file\(fileCount == 1 ? "" : "s")"
    var lines = [
      ("model", name), ("files", architecture.map { "GGUF of \($0), \(files)" } ?? "safetensors, \(files)"),
      ("family", summary.family), ("layout", summary.layout),
      (
        "parameters",
        "\(Quantity.count(summary.parameterCount)), \(Quantity.count(summary.activeParameterCount)) active per token"
      ),
      ("vocabulary", "\(vocabularySize) tokens"), ("context", "\(contextLength) tokens"),
      ("weights", Quantity.mebibytes(summary.weightBytes)),
      ("KV", "\(summary.cacheBytesPerToken) bytes per token (f16)"),
    ]
    if summary.windowBytesPerSequence > 0 {
      lines.append(("windows", "\(summary.windowBytesPerSequence) bytes per sequence (f16)"))
    }
    lines.append(("state", "\(summary.stateBytesPerSequence) bytes per sequence"))
    lines += text.lines.map { ($0.label, $0.value) }
    lines += [
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
    let members: [(String, JSONValue)] = [
      ("model", .string(name)),
      (
        "files",
        [
          "format": architecture == nil ? "safetensors" : "GGUF",
          "architecture": architecture.map(JSONValue.string) ?? .null, "count": .integer(fileCount),
          "tensors": .integer(tensorCount),
        ]
      ),
      ("family", .string(summary.family)), ("layout", .string(summary.layout)),
      ("parameters", .integer(summary.parameterCount)), ("active_parameters", .integer(summary.activeParameterCount)),
      ("formats", JSONValue(members: formats)), ("vocabulary_size", .integer(vocabularySize)),
      ("context_length", .integer(contextLength)),
      (
        "memory",
        [
          "weights_bytes": .integer(summary.weightBytes), "kv_bytes_per_token": .integer(summary.cacheBytesPerToken),
          "window_bytes_per_sequence": .integer(summary.windowBytesPerSequence),
          "state_bytes_per_sequence": .integer(summary.stateBytesPerSequence),
        ]
      ),
    ]
    let findings: [(String, JSONValue)] = [
      ("unread_tensors", .array(summary.unreadTensors.map(JSONValue.string))),
      ("non_finite_tensors", .array(nonFinite.map { ["tensor": .string($0.name), "count": .integer($0.count)] })),
      ("warnings", .array(summary.warnings.map(JSONValue.string))),
    ]
    return JSONValue(members: members + text.json.map { ($0.key, $0.value) } + findings)
  }
}

extension JSONValue {
  /// An object of members in their order.
  init(members: [(String, JSONValue)]) { self = .object(JSONObject(uniqueKeysWithValues: members)) }
}
