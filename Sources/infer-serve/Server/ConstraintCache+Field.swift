import InferCore
import InferText

extension ConstraintCache {
  /// An answer in the language that a request asks for; `nil` where it asks for none.
  ///
  /// - Throws: The refusal of what cannot be held, which names the field that asks for it.
  func answer(_ field: ConstraintField?) throws(APIError) -> ConstrainedAnswer? {
    do { return try answer(field?.language) } catch { throw APIError(error, field) }
  }
}
