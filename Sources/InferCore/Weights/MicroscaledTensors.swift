internal import InferText

// Weights in MXFP4 as gpt-oss stores them: codes and scales in two tensors of bytes.

extension Checkpoint {
  /// This checkpoint, in which each pair of tensors `NAME_blocks`, `[… × rows × blocks × 16]`, and `NAME_scales`, `[… × rows ×
  /// blocks]`, both of bytes, is one tensor in MXFP4, `NAME.weight`, `[… × rows × 32 · blocks]`.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when one of a pair is missing or of another shape.
  func joiningMicroscaled() throws(ModelError) -> Checkpoint {
    let names = tensors.keys.filter { $0.hasExactSuffix("_blocks") && tensors[$0]?.type == "U8" }
    guard !names.isEmpty else { return self }
    var all = tensors
    for name in names {
      guard let stem = name.removing(exactSuffix: "_blocks"), let blocks = tensors[name] else { continue }
      guard let scales = tensors[stem + "_scales"] else {
        throw .tensor(name: stem + "_scales", reason: "is missing, expected the scales of \(name)")
      }
      let whole = try Tensor.microscaled(stem + ".weight", blocks: blocks, scales: scales)
      guard all[whole.name] == nil else {
        throw .tensor(name: whole.name, reason: "is there, and as \(name) as well")
      }
      all[name] = nil
      all[scales.name] = nil
      all[whole.name] = whole
    }
    return Checkpoint(all)
  }
}

extension Tensor {
  /// Weights in MXFP4 of their codes, two a byte in their order, and of their scales, one for each 32 codes.
  static func microscaled(_ name: String, blocks: Tensor, scales: Tensor) throws(ModelError) -> Tensor {
    let format = WeightFormat.mxfp4
    let (codeBytes, shape) = (format.blockElements / 2, Array(blocks.shape.dropLast()))
    guard blocks.shape.count > 2, blocks.shape.last == codeBytes else {
      throw .tensor(
        name: blocks.name, reason: "has shape \(blocks.shape), expected rows of blocks of \(codeBytes) bytes")
    }
    guard scales.type == "U8", scales.shape == shape else {
      throw .tensor(
        name: scales.name,
        reason: "is \(scales.shape) in \(scales.type), expected a byte for each block of \(blocks.name), \(shape)")
    }
    let count = shape.reduce(1, *)
    let derivation = unsafe Derivation(bytesOf: [blocks, scales]) { parts, target in
      for block in 0..<count {
        let codes = unsafe parts[0] + block * codeBytes
        let out = unsafe target + block * format.blockBytes
        unsafe out.storeBytes(of: parts[1].load(fromByteOffset: block, as: UInt8.self), as: UInt8.self)
        // The first half of a block's codes are the lower halves of its bytes, the second the upper.
        for index in 0..<codeBytes {
          let low = unsafe codes.load(fromByteOffset: index / 2, as: UInt8.self)
          let high = unsafe codes.load(fromByteOffset: (index + codeBytes) / 2, as: UInt8.self)
          let shift = UInt8(index % 2 * 4)
          unsafe out.storeBytes(
            of: low >> shift & 15 | (high >> shift & 15) << 4, toByteOffset: 1 + index, as: UInt8.self)
        }
      }
    }
    let columns = shape[shape.count - 1] * format.blockElements
    return Tensor(
      name: name, type: format.name, shape: shape.dropLast() + [columns], byteCount: count * format.blockBytes,
      source: .derived(derivation))
  }
}
