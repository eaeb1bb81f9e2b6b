import InferText

/// The names of a server's models and routers.
struct ModelNames {
  /// The names of each model, those of its adapters, and the place of its files.
  var models: [(names: [String], adapters: [String], path: String)]
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
    for model in models { try check(adaptersOf: model) }
    let all =
      models.flatMap(\.names) + routers.map(\.name) + models.indices.flatMap { adapters(of: $0).flatMap(\.names) }
    guard let defaultName, !all.containsExactly(defaultName) else { return }
    throw CommandFailure("--default-model: there is no model '\(defaultName)', but '\(all.joined(separator: "', '"))'")
  }

  private func check(adaptersOf model: (names: [String], adapters: [String], path: String)) throws(CommandFailure) {
    let others = models.flatMap(\.names) + routers.map(\.name)
    for adapter in model.adapters {
      guard model.adapters.count(where: { $0.isExactly(adapter) }) == 1 else {
        throw CommandFailure("--lora: two adapters of \(model.path) have the name '\(adapter)'")
      }
      // A tag that every model's name may have.
      guard !adapter.isExactly("latest") else {
        throw CommandFailure("--lora: an adapter cannot have the name 'latest', which stands for the model itself")
      }
      for name in model.names.map({ "\($0):\(adapter)" }) where others.containsExactly(name) {
        throw CommandFailure(
          "--lora: the adapter '\(adapter)' of \(model.path) would have the name '\(name)' of another")
      }
    }
  }

  /// The adapters of a model, by its index, with their names. An adapter's own name stands for it where no model,
  /// router or other adapter has it.
  func adapters(of index: Int) -> [ServedAdapter] {
    let model = models[index]
    let others = models.flatMap(\.names) + routers.map(\.name)
    let all = models.flatMap(\.adapters)
    return model.adapters.map { adapter in
      let isFree = !others.containsExactly(adapter) && all.count { $0.isExactly(adapter) } == 1
      return ServedAdapter(
        adapter: adapter, names: (isFree ? [adapter] : []) + model.names.map { "\($0):\(adapter)" })
    }
  }
}
