import Foundation
import InferCore
import InferText

/// A vector as it is told.
struct EmbeddingVector {
  private(set) var values: [Float]

  /// The first values of a vector, divided by their length if that is wanted and there is one.
  init(_ values: [Float], dimensions: Int? = nil, normalizes: Bool) {
    let wanted = Array(values.prefix(dimensions ?? values.count))
    self.values = normalizes ? wanted.normalized() : wanted
  }

  /// The cosine of the angle to another vector; 0 where one has no length.
  func cosine(_ other: EmbeddingVector) -> Double {
    func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    let lengths = (dot(values, values) * dot(other.values, other.values)).squareRoot()
    return lengths > 0 ? dot(values, other.values) / lengths : 0
  }

  /// An array of numbers, or the bytes of 32-bit floats, the least first, in Base64.
  func json(isBase64: Bool) -> JSONValue {
    guard isBase64 else { return .array(values.map { .number(Double("\($0)") ?? Double($0)) }) }
    var bytes = Data(capacity: 4 * values.count)
    for value in values {
      let bits = value.bitPattern
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(shift))) }
    }
    return .string(bytes.base64EncodedString())
  }
}
