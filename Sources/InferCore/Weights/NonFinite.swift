extension Tensor {
  /// The number of elements that are NaN or infinite; 0 for element types that are no weights. O(``count``).
  package func nonFiniteCount() -> Int {
    if let panels = storedPanels { return panels.nonFiniteCount() }
    guard format != nil else { return 0 }
    // Weights that are computed cannot be where they are no numbers.
    do { return try matrix().nonFiniteCount() } catch { return count }
  }
}
