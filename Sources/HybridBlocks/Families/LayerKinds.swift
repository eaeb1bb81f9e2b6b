public import InferCore

// The kinds of layers, as configurations list them.

extension ConfigReader {
  /// The kind of each layer's mixer: `layer_types`, or in a file without such a list what `fallback` says of its number.
  ///
  /// - Parameters:
  ///   - count: the number of layers.
  ///   - kinds: what the list may hold.
  ///   - fallback: the kind of a layer where there is no list.
  public func layerTypes(
    _ count: Int, of kinds: [String], default fallback: (Int) -> String
  ) throws(ModelError) -> [String] {
    guard let listed = try strings("layer_types") else { return (0..<count).map(fallback) }
    try require(
      listed.count == count && listed.allSatisfy(kinds.contains), "layer_types",
      "expected \(count) of \(kinds.dropLast().joined(separator: ", ")) or \(kinds.last ?? "")")
    return listed
  }

  /// Whether each layer's network is dense, and no experts: by `mlp_layer_types`, or in other files the first
  /// `first_k_dense_replace` are, and of those behind them all but each of `moe_layer_freq`.
  func denseLayers(_ count: Int, first fallback: Int) throws(ModelError) -> [Bool] {
    ignore(["first_k_dense_replace", "moe_layer_freq"])
    guard let kinds = try strings("mlp_layer_types") else {
      let (dense, period) = (
        try self.count("first_k_dense_replace", default: fallback), try size("moe_layer_freq", default: 1)
      )
      return (0..<count).map { $0 < dense || $0 % period != 0 }
    }
    try require(
      kinds.count == count && kinds.allSatisfy { ["dense", "sparse"].contains($0) }, "mlp_layer_types",
      "expected \(count) of dense or sparse")
    return kinds.map { $0 == "dense" }
  }
}
