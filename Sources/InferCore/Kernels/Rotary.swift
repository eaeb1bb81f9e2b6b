internal import CKernels
internal import Glibc

/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864): the `i`-th pair of a head's dimensions is rotated by
/// the angle `position · frequency[i]`.
///
/// Cosines and sines of a position are put together from two tables, one for multiples of 256 and one for the
/// rest, by the addition theorems in double precision: O(d · (256 + context / 256)) memory.
public struct RotaryEmbedding: Sendable {
  /// The rule by which dimensions make pairs.
  public enum Pairing: Sendable {
    /// `i` and `i + d/2`: most checkpoints on the hub.
    case halves
    /// `2i` and `2i + 1`: DeepSeek, and the llama checkpoints of GGUF.
    case adjacent
  }

  /// The frequency of each pair, as far as sequences may reach.
  package let frequencies: RotaryFrequencies
  /// The number of dimensions that are rotated: the first of each head.
  public let dimension: Int
  /// The rule by which dimensions make pairs.
  package let pairing: Pairing
  private let tables: AngleTable
  /// Tables of the positions from `start` on, where they have frequencies of their own.
  private let later: (start: Int, tables: AngleTable)?

  /// An embedding for sequences of up to `contextLength` tokens.
  ///
  /// - Parameters:
  ///   - frequencies: the frequency of each pair.
  ///   - pairing: the rule by which dimensions make pairs.
  ///   - contextLength: the number of positions that angles are prepared for.
  package init(_ frequencies: RotaryFrequencies, pairing: Pairing = .halves, contextLength: Int) {
    let frequencies = frequencies.upTo(contextLength)
    self.frequencies = frequencies
    dimension = frequencies.dimension
    self.pairing = pairing
    func tables(_ perPair: [Double]) -> AngleTable {
      AngleTable(perPair, amplitude: frequencies.amplitude, contextLength: contextLength)
    }
    self.tables = tables(frequencies.perPair)
    later = frequencies.later.map { ($0.start, tables($0.perPair)) }
  }

  /// Writes `[cosines | sines]`, ``dimension`` floats, for one position.
  func angles(at position: Int, into out: UnsafeMutablePointer<Float>) {
    if let later, position >= later.start {
      unsafe later.tables.angles(at: position, into: out)
    } else {
      unsafe tables.angles(at: position, into: out)
    }
  }

  /// Rotates ``dimension`` columns of every head of every row, by the row's position in its run.
  ///
  /// - Parameters:
  ///   - x: `[step rows × heads · headDimension]`.
  ///   - headDimension: the width of a head.
  ///   - first: the first column of each head that is rotated.
  ///   - angles: `[step rows × dimension]`, see ``fillAngles(_:_:)``.
  ///   - step: the step.
  public func rotate(
    _ x: inout MutableRows, headDimension: Int, from first: Int = 0, angles: Rows, _ step: borrowing Step
  ) {
    precondition(
      headDimension >= first + dimension && x.columns % headDimension == 0, "\(x.columns) in \(headDimension)")
    precondition(angles.count == x.count && angles.columns == dimension, "angles for \(angles.count) rows")
    let half = dimension / 2
    unsafe forEachRow(x.count, step) { row in
      let cosine = unsafe angles.base + row * angles.stride
      for head in 0..<x.columns / headDimension {
        let place = unsafe x.base + row * x.stride + head * headDimension + first
        switch pairing {
        case .halves: unsafe ck_rotate_half(place, cosine, cosine + half, half)
        case .adjacent: unsafe ck_rotate_adjacent(place, cosine, cosine + half, half)
        }
      }
    }
  }

  /// Fills `[step rows × dimension]` with each row's cosines and sines, by its position in its sequence.
  public func fillAngles(_ out: inout MutableRows, _ step: borrowing Step) { fillAngles(&out, before: 0, step) }

  /// The same by the position of the token that is `count` before the row's, or by that of the first.
  package func fillAngles(_ out: inout MutableRows, before count: Int, _ step: borrowing Step) {
    precondition(out.columns == dimension && out.count == step.plan.tokens.count, "angles of \(out.columns)")
    for run in step.plan.runs {
      unsafe forEachRow(run.tokens.count, step) { index in
        unsafe angles(
          at: max(0, run.position + index - count), into: out.base + (run.tokens.lowerBound + index) * out.stride)
      }
    }
  }
}

/// Cosine and sine of each pair's angle, for positions 0 ..< 256 and for multiples of 256.
private struct AngleTable: Sendable {
  private let fine: [Double]
  private let coarse: [Double]

  private static let fineCount = 256

  /// - Parameter amplitude: factor on every cosine and sine.
  init(_ frequencies: [Double], amplitude: Double, contextLength: Int) {
    func table(_ positions: some Sequence<Int>, _ amplitude: Double) -> [Double] {
      positions.flatMap { position in
        frequencies.flatMap { [amplitude * cos(Double(position) * $0), amplitude * sin(Double(position) * $0)] }
      }
    }
    fine = table(0..<Self.fineCount, amplitude)
    coarse = table((0...contextLength / Self.fineCount).lazy.map { $0 * Self.fineCount }, 1)
  }

  func angles(at position: Int, into out: UnsafeMutablePointer<Float>) {
    let half = fine.count / (2 * Self.fineCount)
    let (high, low) = (position / Self.fineCount * 2 * half, position % Self.fineCount * 2 * half)
    for index in 0..<half {
      let (c, s) = (coarse[high + 2 * index], coarse[high + 2 * index + 1])
      let (fc, fs) = (fine[low + 2 * index], fine[low + 2 * index + 1])
      unsafe out[index] = Float(c * fc - s * fs)
      unsafe out[half + index] = Float(s * fc + c * fs)
    }
  }
}

extension RotaryEmbedding: CustomReflectable {
  /// The settings, without the tables.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "frequencies": frequencies.perPair, "laterStart": frequencies.later?.start as Any,
        "laterFrequencies": frequencies.later?.perPair as Any, "amplitude": frequencies.amplitude, "pairing": pairing,
      ])
  }
}
