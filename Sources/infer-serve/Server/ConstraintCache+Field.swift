import InferCore
import InferText

extension ConstraintCache {
  /// An answer under the constraints that a request asks for; see `answer(_:calls:prompt:)`.
  ///
  /// - Throws: The refusal of what cannot be held, which names the field that asks for it.
  func answer(
    _ field: ConstraintField?, tools: ChatTools = ChatTools(), prompt: String? = nil
  ) throws(APIError) -> ConstrainedAnswer? {
    do { return try answer(field?.language, calls: tools.rules, prompt: prompt) } catch {
      let name =
        switch error.part {
        case .content: field?.field ?? tools.field
        case .calls: tools.field
        case .demand: tools.choiceField
        case .name(_, let name): tools.paths[name].map { $0.name } ?? tools.field
        case .parameters(_, let name), .text(_, let name): tools.paths[name].map { $0.arguments } ?? tools.field
        }
      throw .invalid(name, "\(name) cannot be held: \(error.reason).", code: "invalid_value")
    }
  }
}
