/// The highest speeds of a machine with a number of threads, as limits of a model's speed (the roofline model:
/// Williams, Waterman & Patterson 2009).
package struct Roofline: Sendable, Equatable {
  /// The bytes a second that all threads together read from memory.
  package let bandwidth: Double
  /// The floating-point operations a second in 32 bits; a multiply-add counts two.
  package let floatOperations: Double
  /// The operations a second of 8-bit dot products that add up in 32 bits; a multiply-add counts two.
  package let byteOperations: Double
  /// The operations a second of products of bfloat16 that are added up in 32 bits; `nil` where the instruction set has none.
  package let bfloatOperations: Double?

  /// Creates limits; see the properties.
  package init(bandwidth: Double, floatOperations: Double, byteOperations: Double, bfloatOperations: Double? = nil) {
    self.bandwidth = bandwidth
    self.floatOperations = floatOperations
    self.byteOperations = byteOperations
    self.bfloatOperations = bfloatOperations
  }
}
