extension Communicator {
  /// Checks that all ranks have the same properties as rank 0, such as the model and the build, without which they would
  /// compute nothing of use, or not the same.
  ///
  /// - Parameters:
  ///   - properties: names and values, on all ranks in the same order.
  ///   - patience: the time that a rank waits for another.
  /// - Throws: ``RankError/different(rank:property:value:expected:)`` on all ranks where one differs.
  package func checkEqual(_ properties: [(name: String, value: String)], within patience: Duration?) throws(RankError) {
    let separator: UInt8 = 0
    let all = try gatherAll(
      Array(properties.map { Array($0.value.utf8) }.joined(separator: [separator])), within: patience
    ).map { $0.split(separator: separator, omittingEmptySubsequences: false) }
    for (rank, values) in all.enumerated() {
      guard values.count == all[0].count, values.count == properties.count else {
        throw .malformed(rank: rank, reason: "\(values.count) properties, expected \(properties.count)")
      }
      for (index, property) in properties.enumerated() where values[index] != all[0][index] {
        throw .different(
          rank: rank, property: property.name, value: String(decoding: values[index], as: UTF8.self),
          expected: String(decoding: all[0][index], as: UTF8.self))
      }
    }
  }
}
