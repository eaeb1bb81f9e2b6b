internal import InferCore

extension WeightScope {
  /// The rank's part of channels, of which those of a head stay together.
  ///
  /// - Parameters:
  ///   - channels: the number of channels of all ranks.
  ///   - headDimension: the number of channels of a head, which divides it.
  /// - Throws: ``ModelError/unsuitable(_:)`` where they cannot be dealt out.
  func part(ofChannels channels: Int, headDimension: Int = 1) throws(ModelError) -> Range<Int> {
    if let part = share.columns(of: channels, width: headDimension) { return part }
    let things = headDimension == 1 ? "\(channels) channels" : "\(channels / headDimension) heads"
    throw indivisible("\(things) cannot be dealt out to \(share.count) ranks")
  }

  /// Some channels of the weights of a depthwise convolution, `[taps × channels]`.
  func convolution(
    _ name: String, channels: Int, taps: Int, parts: [Range<Int>]
  ) throws(ModelError) -> [Float] {
    let weights = try convolution(name, channels: channels, taps: taps)
    return weights.parts((0..<taps).flatMap { tap in parts.map { $0.moved(by: tap * channels) } })
  }
}
