package import InferText

/// The choice of a format for each matrix of a model: a pure function of names, roles and shapes.
///
/// The mix follows what `llama-quantize` calls Q4_K_M (for models of other than eight experts), so that a model has as
/// many bytes here as there: value and down projections get Q6_K in the first and the last eighth of the layers and in
/// every third between. Layers with a value projection are counted for themselves.
package struct QuantizationPlan: Sendable {
  private let quantization: Quantization
  private let layerCount: Int
  /// The numbers of the layers that have a value projection, ascending.
  private let valueLayers: [Int]
  /// The importance of columns, by the names of the checkpoint's tensors.
  private let importance: TextDictionary<ColumnImportance>

  /// A plan for a model whose tensors have these names, of some of which the importance of columns is known.
  package init(
    _ quantization: Quantization, names: some Sequence<String>, importance: TextDictionary<ColumnImportance> = [:]
  ) {
    self.quantization = quantization
    self.importance = importance
    var layerCount = 0
    var valueLayers: Set<Int> = []
    for name in names {
      guard let layer = Self.layer(of: name) else { continue }
      layerCount = max(layerCount, layer + 1)
      if name.hasExactSuffix(".v_proj.weight") { valueLayers.insert(layer) }
    }
    self.layerCount = layerCount
    self.valueLayers = valueLayers.sorted()
  }

  /// The format of a matrix that is stored as `stored`.
  ///
  /// Rows that are no whole number of a format's blocks get Q8_0 instead of a format of super-blocks, and F16 where
  /// they are no multiple of 32 either.
  package func format(of name: String, role: MatrixRole, columns: Int, stored: WeightFormat) -> WeightFormat {
    let wanted: WeightFormat
    switch role {
    case .exact: return stored.isSource ? .f32 : stored
    case .stored: return stored
    case .head: wanted = quantization.headFormat
    case .linear: wanted = quantization.format
    case .embedding: wanted = quantization.embeddingFormat
    case .value, .down: wanted = deservesMore(name, role) ? .q6_K : quantization.format
    }
    return [wanted, .q8_0].first { columns % $0.blockElements == 0 } ?? .f16
  }

  /// The importance of a tensor's columns; `nil` where all count alike.
  package func importance(of name: String) -> ColumnImportance? { importance[name] }

  private func deservesMore(_ name: String, _ role: MatrixRole) -> Bool {
    guard quantization.isMix, let layer = Self.layer(of: name) else { return false }
    guard role == .value else { return Self.isSensitive(layer, of: layerCount) }
    return valueLayers.firstIndex(of: layer).map { Self.isSensitive($0, of: valueLayers.count) } ?? false
  }

  /// Whether layer `index` of `count` is in the first or the last eighth, or one of every three between.
  private static func isSensitive(_ index: Int, of count: Int) -> Bool {
    let eighth = count / 8
    return index < eighth || index >= 7 * count / 8 || (index - eighth) % 3 == 2
  }

  /// The number behind `layers` in a tensor's name.
  private static func layer(of name: String) -> Int? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let list = parts.firstIndex(of: "layers"), list + 1 < parts.count,
      let layer = Int(parts[list + 1]), 0..<(1 << 20) ~= layer
    else { return nil }
    return layer
  }
}
