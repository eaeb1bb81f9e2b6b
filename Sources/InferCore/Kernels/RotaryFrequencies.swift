internal import Glibc

/// The angle, in radians a token, by which each pair of dimensions turns in a rotary position embedding: `base^(−2i/d)`
/// for pair `i` of `d/2` (Su et al. 2021, arXiv 2104.09864, eq. 15), stretched in one of several ways for contexts that
/// are longer than those a model was first trained on.
///
/// No kind depends on how long a sequence will become: what a token computes never changes when others follow it.
package struct RotaryFrequencies: Sendable {
  /// The frequency of each pair.
  package private(set) var perPair: [Double]
  /// The frequencies of the positions from `start` on, if they differ.
  package private(set) var later: (start: Int, perPair: [Double])?
  /// The factor on cosines and sines.
  package var amplitude = 1.0
  /// The base of the plain frequencies, before any ``stretching``.
  package private(set) var base: Double
  /// The way in which plain frequencies were stretched.
  package private(set) var stretching = Stretching.none

  /// A way to stretch plain frequencies.
  package enum Stretching: Sendable {
    case none
    case linear(factor: Double)
    case yarn(factor: Double, YaRN)
    /// Each pair has a divisor of its own.
    case divided
    /// Pairs from this one on do not turn.
    case proportional(pairs: Int)
  }

  /// The number of dimensions that are rotated.
  package var dimension: Int { 2 * perPair.count }

  /// Plain frequencies.
  ///
  /// - Precondition: `dimension` is even and positive, `base` positive.
  package init(dimension: Int, base: Double) {
    precondition(dimension > 0 && dimension % 2 == 0 && base > 0, "rotary dimension \(dimension), base \(base)")
    perPair = (0..<dimension / 2).map { pow(base, -2 * Double($0) / Double(dimension)) }
    self.base = base
  }

  /// Whether all frequencies of pairs that turn and the amplitude are finite and above zero.
  package var areUsable: Bool {
    var turning = perPair.count
    if case .proportional(let pairs) = stretching { turning = pairs }
    return ([amplitude] + perPair.prefix(turning) + (later?.perPair ?? [])).allSatisfy { $0.isFinite && $0 > 0 }
  }

  /// These frequencies without those of positions that sequences of `contextLength` tokens never reach.
  func upTo(_ contextLength: Int) -> Self {
    var result = self
    if let later, later.start >= contextLength { result.later = nil }
    return result
  }

  /// NTK-aware scaling by a fixed number, as Hunyuan models have it: the base becomes `base · α^(d / (d − 2))`.
  package func ntk(alpha: Double) -> Self {
    let scaled = base * pow(alpha, Double(dimension) / Double(dimension - 2))
    return RotaryFrequencies(dimension: dimension, base: scaled)
  }

  /// Position interpolation (Chen et al. 2023, arXiv 2306.15595): every frequency divided by `factor`.
  package func linear(factor: Double) -> Self {
    var result = self
    result.perPair = perPair.map { $0 / factor }
    result.stretching = .linear(factor: factor)
    return result
  }

  /// The first pairs alone turn, at the frequencies that they have among all of the head, divided by `factor` (Gemma 4,
  /// LFM3).
  package func proportional(pairs: Int, factor: Double) -> Self {
    var result = self
    result.perPair = perPair.indices.map { $0 < pairs ? perPair[$0] / factor : 0 }
    result.stretching = .proportional(pairs: pairs)
    return result
  }

  /// The parameters of YaRN beside the factor.
  package struct YaRN: Sendable {
    /// The number of positions that the model was first trained on.
    package let originalLength: Double
    /// The number of turns over the original length above which pairs keep their frequency.
    package var fastTurns = 32.0
    /// The number of turns over the original length below which pairs are interpolated.
    package var slowTurns = 1.0
    /// Whether the borders between the two are rounded outwards to whole pairs.
    package var roundsBorders = true

    /// The usual numbers of turns.
    package init(originalLength: Double) { self.originalLength = originalLength }
  }

  /// YaRN (Peng et al. 2023, arXiv 2309.00071, §3.2): fast pairs stay, slow ones are divided by `factor`, and between
  /// them is a ramp.
  package func yarn(factor: Double, _ yarn: YaRN) -> Self {
    // The pair that turns this often over the original length.
    func pair(turns: Double) -> Double {
      Double(dimension) * log(yarn.originalLength / (turns * 2 * .pi)) / (2 * log(base))
    }
    var (low, high) = (pair(turns: yarn.fastTurns), pair(turns: yarn.slowTurns))
    if yarn.roundsBorders { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, Double(dimension - 1)))
    if low == high { high += 0.001 }
    var result = self
    result.perPair = perPair.indices.map { index in
      let interpolated = min(max((Double(index) - low) / (high - low), 0), 1)
      return perPair[index] * (interpolated / factor + 1 - interpolated)
    }
    result.stretching = .yarn(factor: factor, yarn)
    return result
  }

  /// YaRN's factor on scores for keys `scale` times as far away, `0.1 · m · ln(scale) + 1` (§3.4, eq. 22), squared
  /// where it is applied to queries and keys both.
  package static func yarnMagnitude(scale: Double, m: Double = 1) -> Double {
    scale <= 1 ? 1 : 0.1 * m * log(scale) + 1
  }

  /// Llama 3.1: pairs whose wave is shorter than `originalLength / fastWaves` stay, those whose wave is longer than
  /// `originalLength / slowWaves` are divided by `factor`, and between them is a ramp.
  package func llama3(factor: Double, slowWaves: Double, fastWaves: Double, originalLength: Double) -> Self {
    var result = self
    result.perPair = perPair.map { frequency in
      let waves = originalLength * frequency / (2 * .pi)
      let kept = min(max((waves - slowWaves) / (fastWaves - slowWaves), 0), 1)
      return frequency * ((1 - kept) / factor + kept)
    }
    result.stretching = .divided
    return result
  }

  /// LongRoPE (Ding et al. 2024, arXiv 2402.13753): each pair has a divisor of its own, `short` at positions below
  /// `originalLength` and `long` from there on.
  ///
  /// The transformers library computes the same for sequences that fit the original length, and for tokens that it
  /// generates beyond it one by one. It computes a prompt that is longer from the start with `long` divisors
  /// throughout, which a cache of earlier keys cannot follow.
  ///
  /// - Precondition: one divisor a pair.
  package func longRoPE(short: [Double], long: [Double], originalLength: Int) -> Self {
    precondition(
      short.count == perPair.count && long.count == perPair.count,
      "\(short.count) and \(long.count) divisors for \(perPair.count) pairs")
    var result = self
    result.perPair = zip(perPair, short).map { $0 / $1 }
    result.later = (originalLength, zip(perPair, long).map { $0 / $1 })
    result.stretching = .divided
    return result
  }

  /// The divisors of plain frequencies of the same ``base``, up to the position where ``later`` ones begin and from
  /// there on. Those of pairs that do not turn are as large as files of llama.cpp have them.
  package var divisors: (early: [Double], later: [Double]) {
    let plain = RotaryFrequencies(dimension: dimension, base: base).perPair
    func divisor(_ plain: Double, _ own: Double) -> Double { own > 0 ? plain / own : 1e30 }
    return (zip(plain, perPair).map(divisor), zip(plain, later?.perPair ?? perPair).map(divisor))
  }

  /// The factor on cosines and sines of LongRoPE models, for contexts `scale` times the original length:
  /// `√(1 + ln(scale) / ln(originalLength))`.
  package static func longRoPEMagnitude(scale: Double, originalLength: Int) -> Double {
    scale <= 1 ? 1 : (1 + log(scale) / log(Double(originalLength))).squareRoot()
  }
}
