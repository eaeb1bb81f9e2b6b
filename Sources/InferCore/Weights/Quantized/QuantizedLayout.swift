internal import InferText

/// A way in which another program stores quantised matrices: as several tensors, whose names have their beginning in
/// common.
package protocol QuantizedLayout: Sendable {
  /// The beginning of the names of a matrix's tensors, given the one that each matrix has; `nil` for other tensors.
  func stem(of tensor: Tensor) -> String?

  /// The weights that the tensors hold: one matrix, or several that are stored as a stack.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when one is missing, or of another type or shape than it should be.
  func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor]

  /// Whether a tensor says how something else than a weight is to be rounded, which has no place here: activations, keys
  /// and values.
  func isUnused(_ tensor: Tensor) -> Bool

  /// A tensor that is stored as it is, under the name and in the shape that families know.
  func plain(_ tensor: Tensor) -> Tensor
}

extension QuantizedLayout {
  package func isUnused(_ tensor: Tensor) -> Bool {
    let ends = [
      ".input_scale", ".input_zero_point", ".input_global_scale", ".input_scale_ub", ".activation_scale",
      ".output_scale",
      ".output_zero_point", ".k_scale", ".v_scale", ".q_scale", ".k_zero_point", ".v_zero_point",
    ]
    return tensor.count <= 1 && ends.contains { tensor.name.hasExactSuffix($0) }
  }

  package func plain(_ tensor: Tensor) -> Tensor { tensor }
}

/// The tensors that another program made of one matrix.
package struct QuantizedParts {
  /// The beginning of their names.
  let stem: String
  private let tensors: TextDictionary<Tensor>
  /// The names of those that were found.
  private(set) var names: [String] = []

  init(_ stem: String, of tensors: TextDictionary<Tensor>) {
    self.stem = stem
    self.tensors = tensors
  }

  /// The tensor whose name ends so.
  mutating func find(_ end: String) -> Tensor? {
    guard let tensor = tensors[stem + end] else { return nil }
    names.append(tensor.name)
    return tensor
  }

  /// The tensor whose name ends so.
  ///
  /// - Parameters:
  ///   - end: the end of its name.
  ///   - meaning: what it holds, for errors.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when there is none.
  mutating func need(_ end: String, _ meaning: String) throws(ModelError) -> Tensor {
    if let tensor = find(end) {
      try tensor.checkSizes()
      return tensor
    }
    throw .tensor(name: stem + end, reason: "is missing, expected \(meaning)")
  }
}

extension Checkpoint {
  /// This checkpoint, in which the tensors that another program made of a matrix are one again.
  ///
  /// Codes stay codes where a format that is multiplied with has the same ones; else they become numbers of 16 bits. They are
  /// read when the matrix is.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when a tensor is missing, or of another type or shape than it should be.
  package func joining(_ layout: any QuantizedLayout) throws(ModelError) -> Checkpoint {
    var joined: [Tensor] = []
    var taken: Set<ExactText> = []
    for tensor in tensors.values {
      guard let stem = layout.stem(of: tensor) else { continue }
      try tensor.checkSizes()
      var parts = QuantizedParts(stem, of: tensors)
      joined += try layout.weights(&parts)
      taken.formUnion(parts.names.map { ExactText($0) })
    }
    var all: TextDictionary<Tensor> = [:]
    for tensor in tensors.values where !taken.contains(ExactText(tensor.name)) && !layout.isUnused(tensor) {
      let plain = layout.plain(tensor)
      all[plain.name] = plain
    }
    for tensor in joined {
      guard all.updateValue(tensor, forKey: tensor.name) == nil else {
        throw .tensor(name: tensor.name, reason: "is there as it is, and quantised as well")
      }
    }
    return Checkpoint(all)
  }
}

extension Tensor {
  /// Checks that what is computed with a part's sizes stays within 64 bits.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when one of them is none.
  fileprivate func checkSizes() throws(ModelError) {
    guard shape.allSatisfy({ 1...(1 << 31) ~= $0 }), case .file = source else {
      throw .tensor(name: name, reason: "has shape \(shape), expected a part of a quantised matrix")
    }
  }

  /// Checks what a part of a quantised matrix is.
  ///
  /// - Parameters:
  ///   - types: the element types that it may have.
  ///   - shapes: the shapes that it may have.
  ///   - meaning: what it holds, for errors.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when it is something else.
  func expect(_ types: [String], _ shapes: [[Int]], _ meaning: String) throws(ModelError) {
    guard types.contains(type), shapes.contains(shape), case .file = source else {
      let expected = shapes.map { "\($0)" }.joined(separator: " or ")
      throw .tensor(
        name: name,
        reason: "is \(shape) in \(type), expected \(expected) in \(types.joined(separator: " or ")), \(meaning)")
    }
  }
}
