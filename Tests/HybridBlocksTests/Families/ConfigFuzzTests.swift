import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// Whatever `config.json` says, a model loads or is refused, and one that loads computes.
@Suite struct ConfigFuzzTests {
  private static let odd: [JSONValue] = [
    nil, true, false, 0, 1, -1, 2, 3, 5, 16, 64, 1_048_576, 1_048_577, 2_147_483_648, .integer(.max), .integer(.min),
    0.5, -0.5, 1e-300, 1e300, .number(.infinity), .number(.nan), ["__float__": "Infinity"], "", "x", "auto", "rope",
    "M", "relu2", "default", [], [0], [1, 1, 1], ["mamba"], ["attention", "mamba", "moe", "mlp"], [[]], [:],
    ["rope_type": "dynamic", "alpha": 1e-30, "rope_theta": 1], ["type": "dynamic", "alpha": 1e30], ["x": [:]],
  ]

  private static let everything = ParityFixture.all.flatMap { fixture in
    fixture.configurations.map { (fixture, $0) }
  }

  @Test(arguments: everything) func oddValuesNeverTrap(_ fixture: ParityFixture, _ name: String) throws {
    let json = try JSONValue(file: fixture.folder.appending(path: name))
    let checkpoint = try Checkpoint(folder: fixture.folder)
    var generator = SeededGenerator(seed: 31)
    // Keys that change what is computed: the others are ignored, whatever they hold.
    let config = try ConfigReader(json)
    let inert = Set(Families.inertKeys).subtracting(["model_type"])
    // A text model within another has its sizes inside.
    let sizes = json["text_config"] ?? json
    let keys = sizes.keys.filter { !inert.contains($0) }
    _ = try Families.family(for: config)
    var (loaded, refused) = (0, 0)
    for _ in 0..<Self.mutations {
      var changed = sizes
      for _ in 0..<Int.random(in: 1...2, using: &generator) {
        let key = keys.randomElement(using: &generator) ?? ""
        let value = Self.odd.randomElement(using: &generator) ?? .null
        if let inner = changed[key]?.keys.randomElement(using: &generator), Bool.random(using: &generator) {
          changed[key]?[inner] = value
        } else {
          changed[key] = Int.random(in: 0..<8, using: &generator) == 0 ? nil : value
        }
      }
      if json["text_config"] != nil {
        let inside = changed
        changed = json
        changed["text_config"] = inside
      }
      do {
        let family = try Families.family(for: ConfigReader(changed))
        compute(try HybridModel(family, WeightScope(checkpoint)))
        loaded += 1
      } catch {
        refused += 1
      }
    }
    #expect(loaded > 0 && refused > loaded, "\(loaded) loaded, \(refused) refused")
  }

  private static let mutations = 200

  /// Runs a short prompt, whatever comes of it.
  private func compute(_ model: HybridModel) {
    let tokens = [Int32](repeating: 0, count: min(3, model.contextLength))
    let runner = try? StepRunner(model: model, sequences: 1, length: tokens.count, kvType: .f32, threads: 1)
    runner?.step([.init(sequence: 0, tokens: tokens[...], position: 0, logits: 1)]) { rows in
      #expect(rows.columns == model.vocabularySize)
    }
  }
}
