import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve constrain`: which texts a constraint accepts, and what its masks cost.
struct Constrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Holds texts against JSON schemas, regular expressions, grammars or choices.",
    discussion: """
      Reads one JSON object a line from standard input, {"schema": …} (or "regex", "grammar" or "choice") with \
      "texts": ["…", …], and prints one a line: {"compiled": true, "compile_us": …, "texts": [{"accepted": true, "tokens": 12, \
      "mask_us": […]}]}, or {"compiled": false, "error": "…"}, for a line that cannot be read as well. A text is accepted \
      when each of its tokens was allowed by the mask before it, and the end was. One in whose midst the constraint became \
      too large to be followed has an "error" as well.
      """)

  @OptionGroup var source: TokenizerOptions

  func run() throws {
    let tokenizer = try source.load()
    let vocabulary = MaskVocabulary(tokenizer)
    var lines = InputLines()
    var number = 0
    while let line = try lines.next() {
      number += 1
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      let result: JSONValue
      do {
        result = try answer(try JSONValue(parsing: line), tokenizer, vocabulary)
      } catch let error as ConstraintError {
        result = ["compiled": false, "error": .string("\(error)")]
      } catch {
        let reason = (error as? CommandFailure)?.errorDescription ?? "\(error)"
        result = ["compiled": false, "error": .string("line \(number): \(reason)")]
      }
      try emit(result.serialized() + "\n")
    }
  }

  private func answer(
    _ value: JSONValue, _ tokenizer: Tokenizer, _ vocabulary: MaskVocabulary
  ) throws -> JSONValue {
    let texts = try strings(value, "texts")
    let start = ContinuousClock.now
    let constraint = try read(value, vocabulary)
    let time = microseconds(since: start)
    var results: [JSONValue] = []
    for text in texts {
      let cursor = constraint.makeCursor()
      let result = try hold(text, cursor, tokenizer)
      // What cannot be followed from its start is refused by the server too.
      if results.isEmpty, result["error"] != nil, result["mask_us"]?.array?.count == 1 {
        throw ConstraintError.tooLarge
      }
      results.append(result)
    }
    if texts.isEmpty { try constraint.start() }
    return ["compiled": true, "compile_us": .number(time), "texts": .array(results)]
  }

  private func read(_ value: JSONValue, _ vocabulary: MaskVocabulary) throws -> Constraint {
    let given = ["schema", "regex", "grammar", "choice"].filter { value[$0] != nil }
    if given.count > 1 {
      let names = given.map { "\"\($0)\"" }.joined(separator: " and ")
      throw CommandFailure("\(names) both say what the texts must be; one may")
    }
    if let schema = value["schema"] { return try Constraint(schema: schema, for: vocabulary) }
    if let regex = value["regex"]?.string { return try Constraint(regex: regex, for: vocabulary) }
    if let grammar = value["grammar"]?.string { return try Constraint(grammar: grammar, for: vocabulary) }
    if value["choice"] != nil { return try Constraint(choice: try strings(value, "choice"), for: vocabulary) }
    throw CommandFailure("expected \"schema\", or \"regex\" or \"grammar\" with a string, or \"choice\" with an array")
  }

  private func strings(_ value: JSONValue, _ member: String) throws -> [String] {
    guard let array = value[member]?.array, case let strings = array.compactMap(\.string), strings.count == array.count
    else { throw CommandFailure("expected \"\(member)\", an array of strings") }
    return strings
  }

  private func hold(_ text: String, _ start: ConstraintCursor, _ tokenizer: Tokenizer) throws -> JSONValue {
    var cursor = start
    var times: [JSONValue] = []
    let tokens = try tokenizer.encode(text, parsingSpecialTokens: false, addingSpecialTokens: false)
    var isAccepted = true
    for token in tokens {
      let start = ContinuousClock.now
      let mask = cursor.mask()
      times.append(.number(microseconds(since: start)))
      guard mask.contains(token), cursor.accept(tokenizer.bytes(for: token)) else {
        isAccepted = false
        break
      }
    }
    if isAccepted { isAccepted = cursor.mayEnd }
    var result: JSONObject = [
      "accepted": .bool(isAccepted), "tokens": .integer(tokens.count), "mask_us": .array(times),
    ]
    if cursor.isFull { result["error"] = .string("\(ConstraintError.tooLarge)") }
    return .object(result)
  }

  private func microseconds(since start: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return (Double(seconds) * 1e7 + Double(attoseconds) / 1e11).rounded() / 10
  }
}
