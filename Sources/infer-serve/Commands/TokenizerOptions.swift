import ArgumentParser
import Foundation
import HybridBlocks
import InferText

/// A tokenizer, of a model or by itself.
struct TokenizerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of a model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument?

  @Option(help: ArgumentHelp("A tokenizer.json.", valueName: "file"), transform: PathArgument.init)
  var tokenizer: PathArgument?

  private static let needsOne = ValidationError("give one of --model and --tokenizer")

  func validate() throws {
    guard (model == nil) != (tokenizer == nil) else { throw Self.needsOne }
  }

  func load() throws -> Tokenizer {
    if let path = tokenizer {
      let json: JSONValue
      do {
        json = try JSONValue(parsing: Array(try Data(contentsOf: path.url)), options: .vocabulary)
      } catch let error as JSONError {
        throw CommandFailure("\(path): \(error)")
      } catch {
        throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)")
      }
      do { return try Tokenizer(json: json) } catch { throw CommandFailure("\(path): \(error)") }
    }
    guard let path = model else { throw Self.needsOne }
    guard let tokenizer = try ModelText(path.url).tokenizer else {
      throw CommandFailure("\(path) has no tokenizer")
    }
    return tokenizer
  }
}
