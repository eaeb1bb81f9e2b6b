internal import Foundation

extension ChatResponse {
  /// The value that the text is.
  ///
  /// - Throws: ``ChatError/undecodable(type:answer:reason:)``.
  func decoded<Value: Decodable>(as type: Value.Type) throws(ChatError) -> Value {
    do { return try content.decoded(as: type) } catch {
      let reason = finishReason == .length ? "it was cut off" : (error as? DecodingError)?.fault ?? "\(error)"
      throw .undecodable(type: "\(type)", answer: content, reason: reason)
    }
  }
}

extension String {
  /// The value that a JSON text is.
  package func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
    do { return try JSONDecoder().decode(type, from: Data(plain(least: .leastNonzeroMagnitude).utf8)) } catch {
      // Foundation refuses a number that is rounded to 0 as a Float, too.
      return try JSONDecoder().decode(type, from: Data(plain(least: Double(Float.leastNonzeroMagnitude)).utf8))
    }
  }

  /// The JSON text with integers written without fraction and exponent, and 0 for what is nearer to it than `least`.
  /// Foundation refuses both where they are near the limits of their types.
  private func plain(least: Double) -> String {
    replacing(/"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/.matchingSemantics(.unicodeScalar)) {
      match in
      guard match.0.first != "\"", match.0.contains(where: { ".eE".contains($0) }) else { return match.0 }
      if let number = Double(match.0), number.magnitude < least { return "0" }
      guard let number = Decimal(string: String(match.0)) else { return match.0 }
      var (whole, rounded) = (number, Decimal())
      unsafe NSDecimalRound(&rounded, &whole, 0, .plain)
      return rounded == number && number.magnitude < 1e30 ? "\(number)"[...] : match.0
    }
  }
}
