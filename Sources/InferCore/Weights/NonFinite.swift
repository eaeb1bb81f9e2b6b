extension Tensor {
  /// The number of elements that are NaN or infinite; 0 for element types that are no weights. O(``count``).
  package func nonFiniteCount() -> Int {
    if let panels = storedPanels { return panels.nonFiniteCount() }
    return (try? matrix())?.nonFiniteCount() ?? 0
  }
}
