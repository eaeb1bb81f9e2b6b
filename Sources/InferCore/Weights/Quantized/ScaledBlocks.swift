package import InferText

// Weights in NVFP4 in files of llama.cpp's, which have the scale of a whole matrix in a tensor of its own.

extension TextDictionary where Value == Tensor {
  /// These tensors, in which each `NAME.weight` in NVFP4 with a `NAME.scale`, one number for each matrix, is multiplied with
  /// it, in FP4. Scales of activations, `NAME.input_scale`, are left out.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when a scale has another shape or type.
  package func joiningScales() throws(ModelError) -> TextDictionary<Tensor> {
    let names = keys.compactMap { $0.removing(exactSuffix: ".weight") }
      .filter { self[$0 + ".weight"]?.type == WeightFormat.nvfp4.name && self[$0 + ".scale"] != nil }
    guard !names.isEmpty else { return self }
    var all = self
    for name in names {
      guard let weight = self[name + ".weight"], let scale = self[name + ".scale"] else { continue }
      all[weight.name] = try weight.scaled(by: scale)
    }
    let unused = Set(names.flatMap { [$0 + ".scale", $0 + ".input_scale"] }.map { ExactText($0) })
    return TextDictionary(
      uniqueKeysWithValues: all.compactMap { unused.contains(ExactText($0.key)) ? nil : ($0.key, $0.value) })
  }
}

extension Tensor {
  /// A matrix in NVFP4, or a stack, multiplied with a number, or with one for each matrix: in FP4, with the same codes.
  fileprivate func scaled(by scales: Tensor) throws(ModelError) -> Tensor {
    let matrices = shape.dropLast(2).reduce(1, *)
    try scales.expect(
      [WeightFormat.f32.name], matrices == 1 ? [[1], []] : [[matrices]], "the scale of each matrix of \(name)")
    guard shape.count >= 2, let columns = shape.last, case .file = source else {
      throw .tensor(name: name, reason: "has shape \(shape), expected a matrix")
    }
    let (rows, each) = (count / columns, shape[shape.count - 2])
    let (from, to) = (WeightFormat.nvfp4, WeightFormat.fp4)
    let derivation = unsafe Derivation(rows: rows, of: [self, scales]) { range, parts, target in
      var broken = 0
      var out = unsafe target
      for row in range {
        let factor = unsafe ScaleType.f32.load(parts[1], row / each)
        for number in 0..<columns / from.blockElements {
          let block = unsafe parts[0] + row * from.bytes(columns) + number * from.blockBytes
          // Two blocks of two scales each; codes lie alike.
          for pair in 0..<2 {
            for index in 0..<2 {
              let bits = unsafe block.load(fromByteOffset: 2 * pair + index, as: UInt8.self)
              // As in the format without a factor, there is no sign, and what is no number is zero.
              let stored = bits & 127 == 127 ? 0 : Float(e4m3: bits & 127)
              let scale = Float16(stored * factor / 2)
              if !scale.isFinite { broken += 1 }
              unsafe out.storeBytes(of: scale.bitPattern, toByteOffset: 2 * index, as: UInt16.self)
            }
            unsafe (out + 4).copyMemory(from: block + 4 + 16 * pair, byteCount: 16)
            unsafe out += to.blockBytes
          }
        }
      }
      return broken
    }
    return Tensor(
      name: name, type: to.name, shape: shape, byteCount: rows * to.bytes(columns), source: .derived(derivation))
  }
}
