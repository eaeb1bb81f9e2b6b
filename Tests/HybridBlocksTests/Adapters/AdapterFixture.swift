import Foundation
import InferText
import TestSupport
import Testing

@testable import HybridBlocks
@testable import InferCore

/// An adapter of `Tests/Fixtures/adapters`, and what peft computes with it.
struct AdapterFixture: Sendable, CustomTestStringConvertible {
  static let folder = Fixtures.folder.appending(path: "adapters")
  static let all = [
    AdapterFixture("llama_a", of: "llama"), AdapterFixture("llama_b", of: "llama"),
    AdapterFixture("hybrid", of: "granitemoehybrid"), AdapterFixture("head", of: "granitemoehybrid_dense_rope"),
  ]

  let name: String
  let base: URL

  init(_ name: String, of base: String) {
    self.name = name
    self.base = Fixtures.folder.appending(path: "parity/\(base)")
  }

  var testDescription: String { name }
  var folder: URL { Self.folder.appending(path: name) }
  var adapter: Adapter { Adapter(at: folder) }

  private func tensors() throws -> TextDictionary<Tensor> {
    try Fixtures.tensors(folder.appending(path: "expected.safetensors"))
  }

  /// The prompt.
  func tokens() throws -> [Int32] { try #require(tensors()["input_ids"]).integers() }

  /// The logits of the prompt's tokens, with the adapter or without it.
  func logits(isPlain: Bool = false) throws -> [Float] {
    try #require(tensors()[isPlain ? "plain" : "logits"]).floats()
  }
}

/// The largest difference of two lists of logits, in units of the second one's spread.
func distance(_ got: [Float], _ expected: [Float]) -> Float {
  guard got.count == expected.count else { return .infinity }
  let mean = expected.reduce(0, +) / Float(expected.count)
  let spread = (expected.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(expected.count)).squareRoot()
  return (zip(got, expected).map { abs($0 - $1) }.max() ?? .infinity) / spread
}
