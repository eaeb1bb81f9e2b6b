import InferText

extension APIError {
  /// The refusal of what cannot be held, which names the field that asks for it.
  init(_ error: ConstraintError, _ field: ConstraintField?, tools: ChatTools = ChatTools()) {
    let name =
      switch error.part {
      case .content: field?.field ?? tools.field
      case .calls: tools.field
      case .demand: tools.choiceField
      case .name(_, let name): tools.paths[name].map { $0.name } ?? tools.field
      case .parameters(_, let name), .text(_, let name): tools.paths[name].map { $0.arguments } ?? tools.field
      }
    self = .invalid(name, "\(name) cannot be held: \(error.reason).", code: "invalid_value")
  }
}
