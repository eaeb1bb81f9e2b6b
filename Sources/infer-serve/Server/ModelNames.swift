import InferText

/// The names of a server's models and routers.
struct ModelNames {
  /// The names of each model, and the place of its files.
  var models: [(names: [String], path: String)]
  var routers: [ModelRouter]
  /// The name of the model or router of requests that name none; `nil` for the first model's.
  var defaultName: String?

  /// Refuses names that do not tell models and routers apart, or lead nowhere.
  func check() throws(CommandFailure) {
    guard !models.isEmpty else { throw CommandFailure("there is no model to serve") }
    var owners: [ExactText: Int] = [:]
    for (index, model) in models.enumerated() {
      for name in model.names {
        if let other = owners[ExactText(name)], other != index {
          throw CommandFailure(
            "two models have the name '\(name)', \(models[other].path) and \(model.path): --served-model-name gives them "
              + "others")
        }
        owners[ExactText(name)] = index
      }
    }
    for router in routers {
      guard owners[ExactText(router.name)] == nil, routers.count(where: { $0.name.isExactly(router.name) }) == 1 else {
        throw CommandFailure("the router '\(router.name)' has a name that is another's")
      }
      for name in [router.fast, router.slow] where owners[ExactText(name)] == nil {
        throw CommandFailure("the router '\(router.name)' is for a model '\(name)', which is none of the server's")
      }
    }
    let all = models.flatMap(\.names) + routers.map(\.name)
    guard let defaultName, !all.containsExactly(defaultName) else { return }
    throw CommandFailure("--default-model: there is no model '\(defaultName)', but '\(all.joined(separator: "', '"))'")
  }
}
