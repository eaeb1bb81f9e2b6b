/// The names of all that a template can call, for tests that try each of them.
package enum JinjaNames {
  /// What may follow `|`.
  package static let filters = JinjaEvaluator.filterNames.sorted()
  /// What may follow `is`.
  package static let tests: [String] = JinjaEvaluator.testNames.filter { $0.utf8.allSatisfy { $0 > 0x40 } }.sorted()
  /// What may follow the dot behind a value of some kind.
  package static let methods = JinjaMethods.names.sorted()
  /// What can be called by itself.
  package static let functions = JinjaFunction.allCases.map(\.rawValue).sorted()
  /// What may stand between two values.
  package static let operators =
    ["+", "-", "*", "/", "//", "%", "**", "~"] + ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
}
