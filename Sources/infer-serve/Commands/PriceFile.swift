import InferText
import Yams

/// Reads prices in YAML: `currency`, and under `models` a model's `input`, `cached`, `output` and `thinking`, in units of
/// the currency for a million tokens; `"*"` stands for all models that are not named.
enum PriceFile {
  private struct Contents: Decodable {
    var currency: String?
    var models: [String: Prices]
  }

  private struct Prices: Decodable {
    var input: Double
    var cached: Double?
    var output: Double
    var thinking: Double?
  }

  private static let members = ["currency", "models"]
  private static let prices = ["input", "cached", "output", "thinking"]

  /// Reads a file.
  ///
  /// - Throws: ``CommandFailure``, which names what is wrong.
  static func read(_ path: String) throws(CommandFailure) -> PriceTable {
    try table(YAMLFile("the file of prices", at: path))
  }

  /// Reads a text that is a file's.
  static func table(_ text: String, path: String) throws(CommandFailure) -> PriceTable {
    try table(YAMLFile(text, path: path))
  }

  private static func table(_ file: YAMLFile) throws(CommandFailure) -> PriceTable {
    let path = file.path
    let contents: Contents
    do {
      try check(file.root, members, file)
      for (_, model) in file.root?["models"]?.mapping ?? [:] { try check(model, prices, file) }
      contents = try YAMLDecoder().decode(Contents.self, from: file.root ?? Node.mapping(Node.Mapping([])))
    } catch let failure as CommandFailure {
      throw failure
    } catch { throw CommandFailure("\(path): \(describe(error))") }
    var table = PriceTable(currency: contents.currency ?? "")
    for (name, model) in contents.models {
      let values = [model.input, model.cached ?? model.input, model.output, model.thinking ?? model.output]
      guard values.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
        throw CommandFailure("\(path): the prices of '\(name)' must be numbers from 0 on")
      }
      let prices = TokenPrices(input: values[0], cached: values[1], output: values[2], thinking: values[3])
      if name == "*" { table.others = prices } else { table.models[ExactText(name)] = prices }
    }
    return table
  }

  private static func check(_ node: Node?, _ names: [String], _ file: YAMLFile) throws(CommandFailure) {
    for (key, _) in node?.mapping ?? [:] where !names.containsExactly(key.string ?? "") {
      let name = key.string ?? ""
      throw CommandFailure("\(file.place(of: key)): unknown key '\(name)'\(Spelling.hint(for: name, among: names))")
    }
  }

  private static func describe(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, let context):
      "\((context.codingPath + [key]).map(\.stringValue).joined(separator: ".")) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
    default: "\(error)"
    }
  }
}
