import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve tokenize`: what a tokenizer makes of texts, or of tokens.
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turns texts into token ids, or ids into texts.",
    discussion: """
      Reads one JSON value a line from standard input and prints one a line: for a string the array of its ids, with \
      --decode for an array of ids their text. Names of special tokens in a text become those tokens.
      """)

  @OptionGroup var source: TokenizerOptions

  @Flag(help: "Turn arrays of ids into texts.")
  var decode = false

  @Flag(help: "Add what the tokenizer puts around a text, such as a begin-of-text token.")
  var addSpecialTokens = false

  @Flag(help: "With --decode, leave special tokens out.")
  var skipSpecialTokens = false

  func validate() throws {
    if skipSpecialTokens, !decode { throw ValidationError("--skip-special-tokens needs --decode") }
    if addSpecialTokens, decode { throw ValidationError("--add-special-tokens does not go with --decode") }
  }

  func run() throws {
    let tokenizer = try source.load()
    var lines = InputLines()
    var number = 0
    while let line = try lines.next() {
      number += 1
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      do {
        let value = try JSONValue(parsing: line)
        try emit((decode ? try text(value, tokenizer) : try ids(value, tokenizer)).serialized() + "\n")
      } catch let failure as CommandFailure {
        throw failure
      } catch {
        throw CommandFailure("line \(number): \(error)")
      }
    }
  }

  private func ids(_ value: JSONValue, _ tokenizer: Tokenizer) throws -> JSONValue {
    guard let text = value.string else { throw LineFailure("expected a string, found \(value.kind)") }
    return .array(try tokenizer.encode(text, addingSpecialTokens: addSpecialTokens).map { .integer(Int($0)) })
  }

  private func text(_ value: JSONValue, _ tokenizer: Tokenizer) throws -> JSONValue {
    guard let elements = value.array else { throw LineFailure("expected an array of ids, found \(value.kind)") }
    var ids: [Int32] = []
    for (index, element) in elements.enumerated() {
      guard let id = element.int.flatMap(Int32.init(exactly:)), (0..<Int32(tokenizer.vocabularySize)).contains(id)
      else {
        throw LineFailure(
          "element \(index) is \(element.serialized()), expected an id in 0 ..< \(tokenizer.vocabularySize)")
      }
      ids.append(id)
    }
    return .string(tokenizer.decode(ids, skippingSpecialTokens: skipSpecialTokens))
  }
}

/// The fault of a line of input.
private struct LineFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
