internal import InferCore

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The rate of decay that a checkpoint holds as its logarithm, `A = −exp(A_log)`: a state decays by `exp(A · Δ)`.
func decayRate(logarithm: Float) -> Float { -exp(logarithm) }

extension WeightScope {
  /// Rates of decay, of `A_log`; or as they are, under `A`, where a file of llama.cpp's holds them.
  ///
  /// - Parameter shape: what the tensor's shape has to be.
  func decayRates(shape: [Int]) throws(ModelError) -> [Float] {
    try has("A") ? floats("A", shape: shape) : floats("A_log", shape: shape).map(decayRate)
  }
}
