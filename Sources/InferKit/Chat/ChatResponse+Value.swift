internal import Foundation

extension ChatResponse {
  /// The value that the text is.
  ///
  /// - Throws: ``ChatError/undecodable(type:answer:reason:)``.
  public func decoded<Value: Decodable>(as type: Value.Type) throws(ChatError) -> Value {
    do { return try content.decoded(as: type) } catch {
      let reason = finishReason == .length ? "it was cut off" : (error as? DecodingError)?.fault ?? "\(error)"
      throw .undecodable(type: "\(type)", answer: content, reason: reason)
    }
  }
}

extension String {
  /// The value that a JSON text is.
  ///
  /// - Complexity: One decoding; where Floats are rounded to 0, one more for every number that would be.
  package func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
    let text = DecodableText(self)
    func decode(zeros: Set<Int> = []) throws -> Value {
      try JSONDecoder().decode(type, from: text.data(zeros: zeros))
    }
    do { return try decode() } catch {
      // Foundation refuses a Float that is rounded to 0, and does not say where. Numbers that need not be 0 are not.
      var zeros = Set(text.smallNumbers)
      guard !zeros.isEmpty, var value = try? decode(zeros: zeros) else { throw error }
      for number in text.smallNumbers {
        guard let better = try? decode(zeros: zeros.subtracting([number])) else { continue }
        zeros.remove(number)
        value = better
      }
      return value
    }
  }
}

/// A JSON text with integers written without fraction and exponent, and 0 for what is rounded to it as a Double: Foundation
/// refuses both where they are near the limits of their types.
private struct DecodableText {
  private var parts: [Substring] = []
  /// The parts that are numbers which are rounded to 0 as Floats, and not as Doubles.
  private(set) var smallNumbers: [Int] = []

  init(_ text: String) {
    let token = /"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/.matchingSemantics(.unicodeScalar)
    var end = text.startIndex
    for match in text.matches(of: token)
    where match.0.first != "\"" && match.0.contains(where: { ".eE".contains($0) }) {
      parts.append(text[end..<match.range.lowerBound])
      end = match.range.upperBound
      if let number = Double(match.0), number != 0, Float(number) == 0 { smallNumbers.append(parts.count) }
      parts.append(Self.plain(match.0))
    }
    parts.append(text[end...])
  }

  /// The text, in which some of the parts are 0.
  func data(zeros: Set<Int>) -> Data {
    Data(parts.indices.flatMap { (zeros.contains($0) ? "0" : parts[$0]).utf8 })
  }

  private static func plain(_ text: Substring) -> Substring {
    if let number = Double(text), number == 0 { return "0" }
    guard let number = Decimal(string: String(text)) else { return text }
    var (whole, rounded) = (number, Decimal())
    unsafe NSDecimalRound(&rounded, &whole, 0, .plain)
    return rounded == number && number.magnitude < 1e30 ? "\(number)"[...] : text
  }
}
