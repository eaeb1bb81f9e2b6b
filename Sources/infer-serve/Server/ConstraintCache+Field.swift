import InferText

extension ConstraintCache {
  /// An answer under the constraint that a field asks for; see `answer(_:calls:prompt:)`.
  func answer(
    _ field: ConstraintField?, calls: CallRules? = nil, prompt: String? = nil
  ) throws(APIError) -> ConstrainedAnswer? {
    do { return try answer(field?.language, calls: calls, prompt: prompt) } catch {
      let name = field?.field ?? "tools"
      throw .invalid(name, "\(name) cannot be held: \(error.reason).", code: "invalid_value")
    }
  }
}
