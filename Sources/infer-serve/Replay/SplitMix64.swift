import Foundation
import InferCore

/// Random numbers of a seed, one after another.
struct SplitMix64: RandomNumberGenerator {
  private let generator: CounterGenerator
  private var position: UInt64 = 0

  /// A generator for one `stream` of the numbers of a seed.
  init(seed: UInt64, stream: UInt64 = 0) { generator = CounterGenerator(seed: seed, stream: stream) }

  mutating func next() -> UInt64 {
    defer { position &+= 1 }
    return generator.bits(at: position)
  }

  /// A number in 0 ..< 1.
  mutating func uniform() -> Double {
    defer { position &+= 1 }
    return generator.uniform(at: position)
  }

  /// A number of the standard normal distribution, by Box and Muller's method.
  mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// A number of the gamma distribution with scale 1 (Marsaglia and Tsang, "A simple method for generating gamma
  /// variables", 2000).
  ///
  /// - Precondition: `shape` is positive.
  mutating func gamma(shape: Double) -> Double {
    precondition(shape > 0, "a gamma distribution of shape \(shape)")
    if shape < 1 { return gamma(shape: shape + 1) * pow(1 - uniform(), 1 / shape) }
    let d = shape - 1 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let root = 1 + c * x
      guard root > 0 else { continue }
      let v = root * root * root
      if log(1 - uniform()) < x * x / 2 + d * (1 - v + log(v)) { return d * v }
    }
  }
}
