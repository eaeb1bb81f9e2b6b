import Foundation
import InferKit

/// Runs checkpoints of the library's families as families of this package, and compares the tokens; and a family with state
/// that is new.
@main struct OutsideFamily {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else { exit(message: "usage: OutsideFamily FOLDER") }
    let folder = URL(filePath: CommandLine.arguments[1])
    try await check(Pebble.self, "pebble", on: folder.appending(path: "llama"))
    try await check(Slate.self, "slate", on: folder.appending(path: "jamba"))
    try await check(Shale.self, "shale", on: folder.appending(path: "kimi_linear"))
    try await check(Flint.self, "flint", on: folder.appending(path: "qwen3_next"))
    let silt = try await load(folder.appending(path: "llama"), as: Silt.self, "silt")
    do { try await Equivalences(model: silt).check() } catch { exit(message: "silt: \(error)") }
    print("silt, a family with state from outside, computes the same in chunks, in batches and from kept state")
  }

  /// Compares a family with the one that a checkpoint is of.
  private static func check(_ family: any ModelFamily.Type, _ name: String, on folder: URL) async throws {
    let model = try await load(folder, as: family, name)
    let known = try await Model.load(at: folder)
    guard known.summary.family == folder.lastPathComponent else { exit(message: "another family") }
    let (tokens, expected) = (try await answer(model), try await answer(known))
    guard tokens == expected, Set(tokens).count > 1 else { exit(message: "\(tokens), expected \(expected)") }
    print("\(name), a family from outside, computes \(tokens)")
  }

  /// Loads a checkpoint as one of a family that only this package knows.
  private static func load(_ folder: URL, as family: any ModelFamily.Type, _ name: String) async throws -> Model {
    let original = folder.lastPathComponent
    let configuration = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: configuration) }
    let text = try String(contentsOf: folder.appending(path: "config.json"), encoding: .utf8)
    try text.replacingOccurrences(of: #""model_type": "\#(original)""#, with: #""model_type": "\#(name)""#)
      .write(to: configuration, atomically: true, encoding: .utf8)

    var options = LoadOptions()
    options.configuration = configuration
    options.refusesUnknownKeys = true
    do {
      _ = try await Model.load(at: folder, options: options)
      exit(message: "\(name) is known")
    } catch ModelError.configuration {}
    options.families = [family]
    let model = try await Model.load(at: folder, options: options)
    guard model.summary.family == name else { exit(message: "another family") }
    return model
  }

  /// The tokens that a model goes on with.
  private static func answer(_ model: Model) async throws -> [Int32] {
    let engine = try Engine(model)
    let request = try model.request(
      prompt: [5, 17, 9, 100], sampling: .greedy, stop: StopConditions(maxTokens: 24, ignoresEndTokens: true))
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
