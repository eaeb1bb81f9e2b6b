/// The names of all that a template can call, for tests that try each of them.
package enum JinjaNames {
  /// Filters, which follow `|`.
  package static let filters = JinjaEvaluator.filterNames.sorted()
  /// Tests, which follow `is`.
  package static let tests: [String] = JinjaEvaluator.testNames.filter { $0.utf8.allSatisfy { $0 > 0x40 } }.sorted()
  /// Methods of values of some kind.
  package static let methods = JinjaMethods.names.sorted()
  /// Functions, which are called by themselves.
  package static let functions = JinjaFunction.allCases.map(\.rawValue).sorted()
  /// Operators between two values.
  package static let operators =
    ["+", "-", "*", "/", "//", "%", "**", "~"] + ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
}
