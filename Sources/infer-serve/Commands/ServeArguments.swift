import ArgumentParser
import Foundation
import InferText

/// The command line of `serve` with what a configuration file and the environment add to it.
///
/// An option on the command line counts before the environment's, and that before the file's.
struct ServeArguments {
  /// The prefix of variables, which go on with an option's name in capitals: `INFER_SERVE_MAX_CONTEXT`.
  static let variablePrefix = "INFER_SERVE_"
  /// Options of a model that say which one it is: models of a list have their own.
  private static let ownOptions: Set = ["model", "served-model-name", "chat-template", "lora", "load", "pin"]

  /// Everything that is set, in the order of precedence, the last first.
  let settings: [Setting]
  /// The models and routers of the configuration file.
  let models: [ConfigurationFile.Entry]
  let routers: [ConfigurationFile.Entry]
  /// The words that the command is parsed from.
  let words: [String]

  /// - Parameters:
  ///   - given: The words behind `serve`.
  ///   - environment: The environment's variables.
  init(_ given: [String], environment: [String: String]) throws(CommandFailure) {
    let (options, modelOptions) = (OptionTable(of: Serve.self), OptionTable(of: ModelSettings.self))
    let own = Setting.settings(of: given, options)
    let environment = try Self.settings(of: environment, options)
    var file: ConfigurationFile?
    if let path = (environment + own).last(where: { $0.name == "config" })?.values.last {
      file = try ConfigurationFile(at: path, options: options)
    }
    let (fromEnvironment, fromFile) = (
      Self.without(own, environment), Self.without(own + environment, file?.settings ?? [])
    )
    settings = fromFile + fromEnvironment + own
    models = file?.models ?? []
    routers = file?.routers ?? []
    let shared = settings.filter { modelOptions[$0.name] != nil && !Self.ownOptions.contains($0.name) }
    var entries = models.map { model in
      let arguments = Self.without(model.settings, shared) + model.settings
      return ConfigurationEntry(place: model.place, arguments: arguments.flatMap(\.arguments))
    }
    // Those that are named have options of their own.
    let named = Set(
      (settings + models.flatMap(\.settings)).filter { $0.name == "model" }.flatMap(\.values).map(Self.place))
    var found: Set<ExactText> = []
    for folder in settings.filter({ $0.name == "models-dir" }).flatMap(\.values) {
      for model in try ModelFinder.models(in: URL(filePath: folder)) {
        let isNew = !named.contains(Self.place(model.url.path)) && found.insert(model.url.standardizedFileURL.path)
        guard isNew else { continue }
        let arguments = ["--model=\(model.url.path)", "--served-model-name=\(model.name)", "--load=demand"]
        entries.append(ConfigurationEntry(place: model.url.path, arguments: shared.flatMap(\.arguments) + arguments))
      }
    }
    let routerEntries = routers.map {
      ConfigurationEntry(place: $0.place, arguments: $0.settings.flatMap(\.arguments))
    }
    words =
      (fromFile + fromEnvironment).flatMap(\.arguments) + entries.map { "--model-entry=\($0.argument)" }
      + routerEntries.map { "--router-entry=\($0.argument)" } + given
  }

  /// The place of a model's files, by whatever path.
  private static func place(_ path: String) -> ExactText {
    ExactText(URL(filePath: path).resolvingSymlinksInPath().standardizedFileURL.path)
  }

  /// The settings of variables.
  private static func settings(
    of environment: [String: String], _ options: OptionTable
  ) throws(CommandFailure) -> [Setting] {
    var settings: [Setting] = []
    try checkNames(of: environment, options)
    // The variable of a key is one more key: `AccessOptions`.
    for entry in options.entries where entry.name != "api-key" {
      let variable = variablePrefix + words(of: entry.name)
      guard let value = environment[variable], !isOfService(variable, value) else { continue }
      settings.append(try Setting(entry, values: [value], place: variable))
    }
    return settings
  }

  /// The name of an option's variable, without the prefix.
  private static func words(of option: String) -> String { option.uppercased().replacing("-", with: "_") }

  /// Refuses variables that nothing reads: a limit whose name has a fault would limit nothing.
  private static func checkNames(
    of environment: [String: String], _ options: OptionTable
  ) throws(CommandFailure) {
    // Kernels are chosen before there are options.
    let known = options.names.map(words) + ["ISA"]
    for (variable, value) in environment.sorted(by: { $0.key < $1.key }) {
      guard let name = variable.removing(exactPrefix: variablePrefix), !known.containsExactly(name),
        !isOfService(variable, value)
      else { continue }
      let hint = Spelling.nearest(to: name, among: known).map { "; did you mean '\(variablePrefix)\($0)'?" }
      throw CommandFailure("unknown variable '\(variable)' in the environment\(hint ?? "")")
    }
  }

  /// `true` for a variable by which Kubernetes tells of a service whose name begins with infer-serve, as
  /// `INFER_SERVE_PORT=tcp://10.0.0.1:80` and `INFER_SERVE_PORT_80_TCP_ADDR`.
  private static func isOfService(_ variable: String, _ value: String) -> Bool {
    let name = variable.dropFirst(variablePrefix.count - 1)
    return name.firstMatch(of: /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/) != nil
      || name.firstMatch(of: /_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/) != nil
      || (name.hasSuffix("_PORT") && value.firstMatch(of: /^(tcp|udp|sctp):\/\//) != nil)
  }

  /// The settings of options that `others` do not set.
  private static func without(_ others: [Setting], _ settings: [Setting]) -> [Setting] {
    settings.filter { setting in !others.contains { $0.name == setting.name } }
  }

  /// The place of the setting that a complaint of the parser names; `nil` where it is on the command line or unknown.
  func place(in complaint: String) -> String? {
    settings.filter { setting in
      guard setting.place != nil, let range = complaint.firstRange(of: "--\(setting.name)") else { return false }
      return complaint[range.upperBound...].first.map { !$0.isLetter && $0 != "-" } ?? true
    }.max { $0.name.utf8.count < $1.name.utf8.count }?.place
  }

  /// The command.
  ///
  /// - Throws: What the parser has to complain of, with the place of what it names.
  func parsed() throws -> Serve {
    do { return try Serve.parse(words) } catch {
      let message = Serve.message(for: error)
      guard Serve.exitCode(for: error) == .validationFailure, let place = place(in: message) else { throw error }
      throw ValidationError("\(place): \(message)")
    }
  }
}
