import Foundation
import HybridBlocks
import InferCore

/// What the server tells when it is ready.
enum Banner {
  /// The request that a newcomer is invited to try.
  private static let puzzle =
    "A cage holds chickens and rabbits: 35 heads and 94 legs. How many of each?"

  /// What was loaded, where it listens, and a command to try.
  static func text(_ served: ServedModel, host: String, port: Int, threads: Int) -> String {
    let summary = served.model.summary
    let limits = served.engine.limits
    let url = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    let isAny = host == "0.0.0.0" || host == "::"
    let body: JSONValue = [
      "model": .string(served.model.name), "stream": true,
      "messages": [["role": "user", "content": .string(puzzle)]],
    ]
    return """
      infer-serve \(InferServe.version)
        model      \(served.model.name) (\(summary.family)), \(count(summary.parameterCount)) parameters, \
      \(count(summary.activeParameterCount)) active per token
        layout     \(summary.layout)
        memory     weights \(mebibytes(summary.weightBytes)), KV \(mebibytes(limits.kvBytes)), \
      state \(mebibytes(limits.stateBytes)) (\(limits.slotCount) sequences)
        context    \(limits.contextLength) tokens
        threads    \(threads)
        listening  \(url)

      Try it:
        curl -N \(isAny ? "http://127.0.0.1:\(port)" : url)/v1/chat/completions \
      -H 'Content-Type: application/json' -d '\(body.serialized().replacing("'", with: #"'\''"#))'

      """
  }

  /// 5_512_704 as `5.51 M`.
  static func count(_ value: Int) -> String {
    for (unit, name) in [(1e9, "B"), (1e6, "M"), (1e3, "K")] where Double(value) >= unit {
      return String(format: "%.2f %@", Double(value) / unit, name)
    }
    return String(value)
  }

  /// Bytes in MiB.
  static func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
}
