import ArgumentParser
import Foundation
import HybridBlocks
import InferText

/// A tokenizer, of a model or by itself.
struct TokenizerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of a model, or its GGUF file.", valueName: "path"))
  var model: String?

  @Option(help: ArgumentHelp("A tokenizer.json.", valueName: "file"))
  var tokenizer: String?

  func validate() throws {
    guard (model == nil) != (tokenizer == nil) else { throw ValidationError("give one of --model and --tokenizer") }
  }

  func load() throws -> Tokenizer {
    if let path = tokenizer {
      let json: JSONValue
      do {
        json = try JSONValue(parsing: Array(try Data(contentsOf: URL(filePath: path))), options: .vocabulary)
      } catch let error as JSONError {
        throw CommandFailure("\(path): \(error)")
      } catch {
        throw CommandFailure("\(path) cannot be read: \(error.localizedDescription)")
      }
      do { return try Tokenizer(json: json) } catch { throw CommandFailure("\(path): \(error)") }
    }
    let path = model ?? ""
    guard let tokenizer = try ModelText(URL(filePath: path)).tokenizer else {
      throw CommandFailure("\(path) has no tokenizer")
    }
    return tokenizer
  }
}
