import InferText

extension ConstraintCache {
  /// An answer under the constraint that a field asks for; see `answer(_:format:prompt:mayCall:)`.
  func answer(
    _ field: ConstraintField, format: OutputFormat? = nil, prompt: String = "", mayCall: Bool = false
  ) throws(APIError) -> ConstrainedAnswer {
    do { return try answer(field.language, format: format, prompt: prompt, mayCall: mayCall) } catch {
      throw .invalid(field.field, "\(field.field) cannot be held: \(error.reason).", code: "invalid_value")
    }
  }
}
