import Foundation
import InferKit

/// Runs a checkpoint of Llama's as a Pebble, and compares the tokens with those of the package's own family.
@main struct OutsideFamily {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else { exit(message: "usage: OutsideFamily FOLDER") }
    let folder = URL(filePath: CommandLine.arguments[1])
    let configuration = FileManager.default.temporaryDirectory.appending(path: "pebble-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: configuration) }
    let text = try String(contentsOf: folder.appending(path: "config.json"), encoding: .utf8)
    try text.replacingOccurrences(of: #""model_type": "llama""#, with: #""model_type": "pebble""#)
      .write(to: configuration, atomically: true, encoding: .utf8)

    var options = LoadOptions()
    options.configuration = configuration
    options.families = [Pebble.self]
    let pebble = try await Model.load(at: folder, options: options)
    let llama = try await Model.load(at: folder)
    guard pebble.summary.family == "pebble", llama.summary.family == "llama" else { exit(message: "other families") }
    let (tokens, expected) = (try await answer(pebble), try await answer(llama))
    guard tokens == expected, Set(tokens).count > 1 else { exit(message: "\(tokens), expected \(expected)") }
    // Without the family, the model is none that is known.
    options.families = []
    do {
      _ = try await Model.load(at: folder, options: options)
      exit(message: "pebble is known")
    } catch ModelError.configuration {
      print("a family from outside computes \(tokens)")
    }
  }

  /// The tokens that a model goes on with.
  private static func answer(_ model: Model) async throws -> [Int32] {
    let engine = try Engine(model)
    let request = try model.request(
      prompt: [5, 17, 9, 200], sampling: .greedy, stop: StopConditions(maxTokens: 24, ignoresEndTokens: true))
    var tokens: [Int32] = []
    for await case .token(let token) in try engine.submit(request) { tokens.append(token.id) }
    await engine.shutdown()
    return tokens
  }

  private static func exit(message: String) -> Never {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
    Foundation.exit(1)
  }
}
