import ArgumentParser

/// The options of a name that stands for a fast and a slow model.
struct RouterSettings: ParsableArguments {
  @Option(help: ArgumentHelp("The name that requests call it by.", valueName: "name"))
  var name: String

  @Option(help: ArgumentHelp("The model that answers at once.", valueName: "name"))
  var fast: String

  @Option(
    help: ArgumentHelp(
      "The model that takes its time; the same one, where it is to think or not.", valueName: "name"))
  var slow: String

  @Option(help: ArgumentHelp("The least reasoning effort that the slow one is for.", valueName: "effort"))
  var slowFrom = ModelRouter.Effort.medium

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Texts of so many bytes are for the slow one, unless the request names an effort (default: of any length for the "
        + "fast one).", valueName: "bytes"))
  var slowAbove: Int?

  @Flag(help: "Requests with tools are for the slow one, unless they name an effort.")
  var slowWithTools = false

  func validate() throws { try require(1...(1 << 40), "slow-above", slowAbove) }

  /// The router as the registry knows it.
  var router: ModelRouter {
    ModelRouter(
      name: name, fast: fast, slow: slow, slowFrom: slowFrom, slowAbove: slowAbove, slowWithTools: slowWithTools)
  }
}

extension ModelRouter.Effort: ExpressibleByArgument {}
