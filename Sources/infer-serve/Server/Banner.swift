import Foundation
import HybridBlocks
import InferCore
import InferText
import Logging

/// The server's announcement when it is ready: text for people, fields for programs.
enum Banner {
  /// The request that a newcomer is invited to try.
  private static let puzzle =
    "A cage holds chickens and rabbits: 35 heads and 94 legs. How many of each?"

  /// The model that was loaded.
  static func metadata(_ served: ServedModel, threads: Int) -> Logger.Metadata {
    let (summary, limits) = (served.model.summary, served.engine.limits)
    let machine = metadata(threads: threads, .current)
    return machine.merging([
      "family": "\(summary.family)", "layout": "\(summary.layout)", "parameters": "\(summary.parameterCount)",
      "active_parameters": "\(summary.activeParameterCount)", "weights_bytes": "\(summary.weightBytes)",
      "kv_bytes": "\(limits.kvBytes)", "state_bytes": "\(limits.stateBytes)",
      "cache_bytes": "\(limits.cacheBytes)", "state_memory_bytes": "\(limits.stateMemoryBytes)",
      "context_length": "\(limits.contextLength)", "reasoning_parser": "\(served.format.reasoning.rawValue)",
      "tool_call_parser": "\(served.format.toolCalls?.rawValue ?? "unknown")",
      "instruction_set": "\(InstructionSet.name)",
    ]) { _, own in own }
  }

  /// The model, the addresses, and a command to try.
  static func text(
    _ served: ServedModel, _ addresses: [ListeningAddress], isEncrypted: Bool = false, threads: Int
  ) -> String {
    let summary = served.model.summary
    let limits = served.engine.limits
    let body: JSONValue = [
      "model": .string(served.name), "stream": true,
      "messages": [["role": "user", "content": .string(puzzle)]],
    ]
    return """
      \(Software.name) \(Software.version)
        model      \(served.name) (\(summary.family)), \(Quantity.count(summary.parameterCount)) parameters, \
      \(Quantity.count(summary.activeParameterCount)) active per token
        layout     \(summary.layout)
        memory     weights \(Quantity.mebibytes(summary.weightBytes)), KV and state \
      \(Quantity.mebibytes(limits.stateMemoryBytes)) (\(limits.maxRunning) sequences)\(memoryLimit(.current))
        context    \(limits.contextLength) tokens
        threads    \(Self.threads(threads, .current, cores: MachineTopology.current.coreCount))
        kernels    \(InstructionSet.name)
        listening  \(addresses.map { url($0, isEncrypted) }.joined(separator: ", ")), with a page to chat in for browsers

      Try it:
        curl -N \(addresses.first.map { target($0, isEncrypted) } ?? "")/v1/chat/completions \
      -H 'Content-Type: application/json' -d '\(body.serialized().replacing("'", with: #"'\''"#))'

      """
  }

  private static func url(_ address: ListeningAddress, _ isEncrypted: Bool) -> String {
    if case .network = address { "http\(isEncrypted ? "s" : "")://\(address)" } else { "unix:\(address)" }
  }

  /// The arguments of curl that bring it to an address.
  private static func target(_ address: ListeningAddress, _ isEncrypted: Bool) -> String {
    switch address {
    case .network("0.0.0.0", let port), .network("::", let port):
      url(.network(host: "127.0.0.1", port: port), isEncrypted)
    case .network: url(address, isEncrypted)
    case .socket(let path): "--unix-socket '\(path)' http://localhost"
    }
  }
}
