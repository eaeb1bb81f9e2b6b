import Foundation
import InferKit

/// Runs checkpoints of the package's own families as families of this one, and compares the tokens.
@main struct OutsideFamily {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else { exit(message: "usage: OutsideFamily FOLDER") }
    let folder = URL(filePath: CommandLine.arguments[1])
    try await check(Pebble.self, "pebble", on: folder.appending(path: "llama"))
    try await check(Slate.self, "slate", on: folder.appending(path: "jamba"))
  }

  /// Compares a family with the one that a checkpoint is of.
  private static func check(_ family: any ModelFamily.Type, _ name: String, on folder: URL) async throws {
    let original = folder.lastPathComponent
    let configuration = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: configuration) }
    let text = try String(contentsOf: folder.appending(path: "config.json"), encoding: .utf8)
    try text.replacingOccurrences(of: #""model_type": "\#(original)""#, with: #""model_type": "\#(name)""#)
      .write(to: configuration, atomically: true, encoding: .utf8)

    var options = LoadOptions()
    options.configuration = configuration
    options.families = [family]
    options.refusesUnknownKeys = true
    let model = try await Model.load(at: folder, options: options)
    let known = try await Model.load(at: folder)
    guard model.summary.family == name, known.summary.family == original else { exit(message: "other families") }
    let (tokens, expected) = (try await answer(model), try await answer(known))
    guard tokens == expected, Set(tokens).count > 1 else { exit(message: "\(tokens), expected \(expected)") }
    // Without the family, the model is none that is known.
    options.families = []
    do {
      _ = try await Model.load(at: folder, options: options)
      exit(message: "\(name) is known")
    } catch ModelError.configuration {
      print("\(name), a family from outside, computes \(tokens)")
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
