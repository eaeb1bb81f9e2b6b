/// What this machine can do at most with a number of threads: the limits that a model's speed is judged by (the
/// roofline model: Williams, Waterman & Patterson 2009).
public struct Roofline: Sendable, Equatable {
  /// Bytes a second that all threads together read from memory.
  public let bandwidth: Double
  /// Floating-point operations a second in 32 bits; a multiply-add counts two.
  public let floatOperations: Double
  /// Operations a second of 8-bit dot products that add up in 32 bits; a multiply-add counts two.
  public let byteOperations: Double

  /// Creates limits; see the properties.
  public init(bandwidth: Double, floatOperations: Double, byteOperations: Double) {
    self.bandwidth = bandwidth
    self.floatOperations = floatOperations
    self.byteOperations = byteOperations
  }
}
