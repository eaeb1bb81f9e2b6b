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
  private static let ownOptions: Set = ["model", "served-model-name", "chat-template", "load", "pin"]

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
    for folder in settings.filter({ $0.name == "models-dir" }).flatMap(\.values) {
      for model in try ModelFinder.models(in: URL(filePath: folder)) {
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

  /// The settings of variables.
  private static func settings(
    of environment: [String: String], _ options: OptionTable
  ) throws(CommandFailure) -> [Setting] {
    var settings: [Setting] = []
    // The variable of a key is one more key: `AccessOptions`.
    for entry in options.entries where entry.name != "api-key" {
      let variable = variablePrefix + entry.name.uppercased().replacing("-", with: "_")
      guard let value = environment[variable] else { continue }
      // Kubernetes tells of a service with the name infer-serve by variables such as INFER_SERVE_PORT=tcp://10.0.0.1:80.
      if entry.name == "port", value.hasPrefix("tcp://") { continue }
      settings.append(try Setting(entry, values: [value], place: variable))
    }
    return settings
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
