import InferCore
import InferText

extension SamplingFields {
  /// `logit_bias`: an object of ids and biases, or llama-server's list of pairs. A bias of `false` bans a token.
  func logitBias() throws(APIError) -> [Int32: Float] {
    guard let value = reader["logit_bias"] else { return [:] }
    var biases: [Int32: Float] = [:]
    if let members = value.object {
      for (key, bias) in members {
        guard let id = Int32(key), id >= 0 else {
          throw reader.wrongValue("logit_bias", "has the key '\(key)', which is no token id")
        }
        biases[id] = try self.bias(bias, "logit_bias.\(key)")
      }
    } else if let pairs = value.array {
      for (index, pair) in pairs.enumerated() {
        guard let pair = pair.array, pair.count == 2 else {
          throw reader.wrongType("logit_bias[\(index)]", pair, expected: "a token id and its bias")
        }
        biases[try reader.tokens([pair[0]], "logit_bias[\(index)]")[0]] = try bias(pair[1], "logit_bias[\(index)]")
      }
    } else {
      throw reader.wrongType("logit_bias", value, expected: "an object or an array of pairs")
    }
    return biases
  }

  private func bias(_ value: JSONValue, _ key: String) throws(APIError) -> Float {
    if value == false { return Self.ban }
    guard let number = value.double else { throw reader.wrongType(key, value, expected: "a number") }
    return Float(number)
  }

  /// As good as never, and the least that the API has.
  private static let ban: Float = -100
}
