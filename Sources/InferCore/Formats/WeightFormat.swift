/// How the numbers of a weight matrix lie in memory: a block layout, a dot product with activations, and a way
/// back to 32-bit floats.
///
/// Adding a format takes one file that declares it and one line in ``all``.
@safe public struct WeightFormat: Sendable {
  /// Name as checkpoints spell it, e.g. `BF16`.
  public let name: String
  /// Values that are stored together; a row's length is a multiple of it.
  public let blockElements: Int
  /// Bytes of a block.
  public let blockBytes: Int

  /// `out[r, c] = x[r] · w[c]` for `m` rows of `x` and `n` rows of `w`; see `ck_dot_f32`.
  typealias Dot =
    @convention(c) (
      _ out: UnsafeMutablePointer<Float>?, _ outStride: Int, _ x: UnsafePointer<Float>?, _ xStride: Int,
      _ w: UnsafeRawPointer?, _ wStride: Int, _ m: Int, _ n: Int, _ k: Int
    ) -> Void
  /// Writes `n` values as floats.
  typealias Unpack =
    @convention(c) (_ out: UnsafeMutablePointer<Float>?, _ values: UnsafeRawPointer?, _ n: Int) -> Void

  let dot: Dot
  let unpack: Unpack

  /// Every format that weights can be read in.
  public static let all: [WeightFormat] = [.f32, .f16, .bf16]

  /// Bytes of `count` values.
  ///
  /// - Precondition: `count` is a multiple of ``blockElements``.
  public func bytes(_ count: Int) -> Int {
    precondition(count % blockElements == 0, "\(count) values are no multiple of \(name)'s block of \(blockElements)")
    return count / blockElements * blockBytes
  }
}

extension WeightFormat: Equatable {
  /// Formats are equal when their names are.
  public static func == (a: WeightFormat, b: WeightFormat) -> Bool { a.name == b.name }
}
