import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// Kinds of rotary positions against transformers (see `Tests/Fixtures/rope/make_frequencies.py`).
@Suite struct RotaryPositionsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let config: JSONValue
    let frequencies: [Double]
    let later: [Double]?
    let amplitude: Double

    var testDescription: String { config.serialized() }

    static func all() throws -> [Case] {
      let json = try JSONValue(file: Fixtures.folder.appending(path: "rope/frequencies.json"))
      return try #require(json.array).map { entry in
        func numbers(_ key: String) -> [Double]? { entry[key]?.array?.compactMap(\.double) }
        return Case(
          config: try #require(entry["config"]), frequencies: try #require(numbers("frequencies")),
          later: numbers("long_frequencies"), amplitude: try #require(entry["attention_factor"]?.double))
      }
    }

    /// The same as older files spell it.
    func older() -> JSONValue {
      var (config, scaling) = (config, config["rope_parameters"] ?? .null)
      for key in ["rope_theta", "partial_rotary_factor"] {
        config[key] = scaling[key]
        scaling[key] = nil
      }
      scaling["type"] = scaling["rope_type"]
      scaling["rope_type"] = nil
      config["rope_parameters"] = nil
      config["rope_scaling"] = scaling
      return config
    }

    /// Under the name of a kind of layer.
    func nested() -> JSONValue {
      var config = config
      config["rope_parameters"] = [
        "full_attention": config["rope_parameters"] ?? .null, "sliding_attention": ["rope_type": "spiral"],
      ]
      return config
    }
  }

  @Test func everyKindMatches() throws {
    let cases = try Case.all()
    #expect(Set(cases.compactMap { $0.config["rope_parameters"]?["rope_type"]?.string }).count == 6)
    for one in cases {
      for json in [one.config, one.older(), one.nested()] {
        let config = try ConfigReader(json)
        let result = try config.rotaryFrequencies(headDimension: config.size("head_dim"), part: 1)
        expectClose(result.perPair, one.frequencies, one)
        #expect((result.later == nil) == (one.later == nil))
        if let later = result.later, let expected = one.later {
          expectClose(later.perPair, expected, one)
          #expect(later.start == 4096)
        }
        #expect(abs(result.amplitude / one.amplitude - 1) < 1e-7, "\(one)")
        _ = try config.contextLength()
        config.ignore(["hidden_size", "num_attention_heads"])
        #expect(config.unread == [])
      }
    }
  }

  /// transformers computes in 32-bit floats, in which the ramps of two kinds are differences of large numbers.
  private func expectClose(_ got: [Double], _ want: [Double], _ one: Case) {
    let worst = zip(got, want).map { abs($0 / $1 - 1) }.max() ?? .infinity
    #expect(got.count == want.count && worst < 3e-6, "\(one)")
  }

  @Test(
    arguments: [
      (["max_position_embeddings": 4096], 4096),
      (["max_position_embeddings": 4096, "rope_scaling": ["type": "linear", "factor": 4]], 4096),
      (
        [
          "max_position_embeddings": 32768,
          "rope_scaling": ["type": "yarn", "factor": 4, "original_max_position_embeddings": 32768],
        ], 131_072
      ),
      (
        [
          "max_position_embeddings": 163_840,
          "rope_scaling": ["type": "yarn", "factor": 40, "original_max_position_embeddings": 4096],
        ], 163_840
      ),
      (["max_position_embeddings": 32768, "rope_scaling": ["type": "yarn", "factor": 4]], 32768),
      (
        [
          "max_position_embeddings": 4096,
          "rope_scaling": ["type": "yarn", "factor": 1e30, "original_max_position_embeddings": 4096],
        ], 1 << 31
      ),
    ] as [(JSONValue, Int)])
  func contextsThatYaRNStretches(_ json: JSONValue, _ length: Int) throws {
    #expect(try ConfigReader(json).contextLength() == length)
  }
}
